/* tppo - reinforce the answers of a language model that a program scores well */
#include "ppo/ppo.h"

static const char *const algos[] = {"ppo", "grpo", "rloo", NULL};
static const char *const estimators[] = {"k1", "k2", "k3", NULL};

static struct ppo_run run = {
    .train = {.steps = 100, .batch = 64, .seed = 1, .save_every = 10, .eval_every = 10, .lr = 1e-5, .min_lr = -1,
        .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .clip = 1, .schedule = SCHEDULE_CONSTANT, .objective = OBJECTIVE_CAUSAL},
    .fine = {FINETUNE_DEFAULTS},
    .opts = {.temperature = 1, .gamma = 1, .lambda = 0.95, .clip_ratio = 0.2, .clip_value = 0.2, .value_coef = 0.1},
    .epochs = 4, .estimator = -1, .timeout = 120, .kl = 0.05, .kl_horizon = 10000};

static const struct cli_opt opts[] = {
    {'m', "model", "FILE", CLI_TEXT, &run.train.model, "the model to start from", 0, 0, 0, true},
    {'o', "output", "FILE", CLI_TEXT, &run.train.output, "the trained model; FILE.ckpt/ holds checkpoints", 0, 0, 0, true},
    {0, "reward", "CMD", CLI_TEXT, &run.reward, "the program that scores answers: JSON lines in, numbers out", 0, 0, 0, false},
    {0, "reward-timeout", "SECONDS", CLI_REAL, &run.timeout, "how long it may say nothing (default 120)", 0.01, 1e6, 0, true},
    {0, "reference", "FILE", CLI_TEXT, &run.reference, "the model not to stray from (default the model at the start)", 0, 0, 0, true},
    {0, "algo", "NAME", CLI_CHOICE, &run.algo, "ppo, grpo or rloo (default ppo)", 0, 0, algos, false},
    {0, "steps", "N", CLI_U64, &run.train.steps, "updates (default 100)", 1, 1e9, 0, false},
    {'b', "batch", "N", CLI_U64, &run.train.batch, "prompts a step (default 64)", 1, 1e6, 0, false},
    {0, "samples", "K", CLI_U64, &run.samples, "answers to a prompt (default 1; 4 for grpo and rloo)", 1, 1e6, 0, false},
    {'n', "tokens", "N", CLI_U64, &run.max_new, "most tokens of an answer (default 64, or half the context where that is less)", 1, 1 << 22, 0, false},
    {0, "prompt-length", "N", CLI_U64, &run.prompt_length, "most tokens of a prompt (default what -n leaves of the context)", 1, 1 << 22, 0, false},
    {0, "temperature", "T", CLI_REAL, &run.opts.temperature, "divides the logits of policy and reference (default 1)", 0.01, 100, 0, false},
    {0, "epochs", "N", CLI_U64, &run.epochs, "passes over the answers of a step (default 4)", 1, 65535, 0, false},
    {0, "minibatch", "N", CLI_U64, &run.minibatch, "answers an optimizer step (default all)", 1, 1e9, 0, false},
    {0, "micro", "N", CLI_U64, &run.train.micro, "answers at a time; gradients of the rest accumulate (default all)", 1, 1e9, 0, false},
    {0, "recompute", NULL, CLI_FLAG, &run.train.recompute, "keep only the inputs of blocks and run these again: less memory, more time", 0, 0, 0, true},
    {0, "target-kl", "X", CLI_REAL, &run.opts.target_kl, "end a step's epochs when the approximate KL is above X; 0 = never (default 0)", 0, 1e6, 0, false},
    {0, "kl", "X", CLI_REAL, &run.kl, "coefficient of the KL to the reference (default 0.05)", 0, 1e6, 0, false},
    {0, "kl-estimator", "NAME", CLI_CHOICE, &run.estimator, "k1, k2 or k3 (default k1; k3 for grpo)", 0, 0, estimators, false},
    {0, "kl-target", "X", CLI_REAL, &run.kl_target, "adapt the coefficient to a KL of X nats an answer; 0 = keep it (default 0)", 0, 1e6, 0, false},
    {0, "kl-horizon", "N", CLI_REAL, &run.kl_horizon, "answers in which it adapts (default 10000)", 1, 1e12, 0, false},
    {0, "missing-end", "X", CLI_REAL, &run.missing_end, "taken off the score of answers that did not end (default 0)", 0, 1e9, 0, false},
    {0, "normalise-reward", NULL, CLI_FLAG, &run.normalise, "scores less their running mean, over their running deviation", 0, 0, 0, false},
    {0, "clip-reward", "X", CLI_REAL, &run.clip_reward, "clip scores to -X ... X; 0 = no (default 0)", 0, 1e9, 0, false},
    {0, "gamma", "X", CLI_REAL, &run.opts.gamma, "ppo: discount (default 1)", 0, 1, 0, false},
    {0, "lambda", "X", CLI_REAL, &run.opts.lambda, "ppo: of generalised advantage estimation (default 0.95)", 0, 1, 0, false},
    {0, "clip-ratio", "X", CLI_REAL, &run.opts.clip_ratio, "clip the ratio of probabilities to 1 - X ... 1 + X (default 0.2)", 1e-6, 1e6, 0, false},
    {0, "clip-value", "X", CLI_REAL, &run.opts.clip_value, "ppo: clip the change of a value to X; 0 = no (default 0.2)", 0, 1e9, 0, false},
    {0, "value-coef", "X", CLI_REAL, &run.opts.value_coef, "ppo: weight of the value's loss (default 0.1)", 0, 1e6, 0, false},
    {0, "entropy", "X", CLI_REAL, &run.opts.entropy, "bonus for entropy (default 0)", 0, 1e6, 0, false},
    {0, "no-whiten", NULL, CLI_FLAG, &run.no_whiten, "ppo: leave the advantages as they are", 0, 0, 0, false},
    {0, "whiten-rewards", NULL, CLI_FLAG, &run.opts.whiten_rewards, "ppo: divide the rewards by their deviation", 0, 0, 0, false},
    {0, "lr", "RATE", CLI_REAL, &run.train.lr, "highest learning rate (default 1e-5)", 0, 1e3, 0, false},
    {0, "min-lr", "RATE", CLI_REAL, &run.train.min_lr, "learning rate at the end (default lr / 10)", 0, 1e3, 0, false},
    {0, "schedule", "NAME", CLI_CHOICE, &run.train.schedule, "constant, linear, cosine, wsd or wsd-sqrt, over the updates (default constant)", 0, 0, train_schedules, false},
    {0, "warmup", "N", CLI_U64, &run.train.warmup, "updates of linear warm-up (default 0)", 0, 1e12, 0, false},
    {0, "decay-steps", "N", CLI_U64, &run.train.decay_steps, "updates of the decay of wsd (default steps / 5)", 1, 1e12, 0, false},
    {0, "beta1", "X", CLI_REAL, &run.train.beta1, "AdamW's decay of the first moment (default 0.9)", 0, 1, 0, false},
    {0, "beta2", "X", CLI_REAL, &run.train.beta2, "AdamW's decay of the second moment (default 0.95)", 0, 1, 0, false},
    {0, "eps", "X", CLI_REAL, &run.train.eps, "AdamW's epsilon (default 1e-8)", 1e-30, 1, 0, false},
    {0, "weight-decay", "X", CLI_REAL, &run.train.weight_decay, "of tensors of rank 2 (default 0)", 0, 1e3, 0, false},
    {0, "clip", "NORM", CLI_REAL, &run.train.clip, "largest norm of the gradient, 0 = none (default 1)", 0, 1e30, 0, false},
    {0, "lora", "RANK", CLI_U64, &run.fine.lora, "train low-rank adapters instead of the model", 1, 1 << 17, 0, false},
    {0, "lora-alpha", "X", CLI_REAL, &run.fine.lora_alpha, "adapters are multiplied by X / RANK (default 2 RANK)", 1e-6, 1e6, 0, false},
    {0, "lora-targets", "LIST", CLI_TEXT, &run.fine.lora_targets, "of query,key,value,out,gate,up,down (default query,value)", 0, 0, 0, false},
    CLI_SEED(&run.train.seed),
    {0, "eval", "FILE", CLI_TEXT, &run.train.eval, "prompts held out: score, KL and length of answers to them", 0, 0, 0, true},
    {0, "eval-every", "N", CLI_U64, &run.train.eval_every, "updates between evaluations (default 10)", 1, 1e12, 0, true},
    {0, "save-every", "N", CLI_U64, &run.train.save_every, "updates between checkpoints (default 10)", 1, 1e12, 0, true},
    {0, "keep", NULL, CLI_FLAG, &run.train.keep, "keep the checkpoints at the end", 0, 0, 0, true},
    {0, "log", "FILE", CLI_TEXT, &run.train.log, "write the metrics of the run to FILE", 0, 0, 0, true},
    {0, "rollouts", "FILE", CLI_TEXT, &run.rollouts, "write what the updates saw to FILE", 0, 0, 0, true},
    CLI_THREADS(&run.train.threads, "all cores"),
    CLI_QUIET(&run.train.quiet),
};

static const struct cli_tool tool = {"tppo", "[prompts]",
    "Reinforce the answers of a language model that a program scores well.", opts, sizeof opts / sizeof *opts,
    "tppo -m chat.ten --reward 'tscore -q -m reward.ten' --steps 200 -o tuned.ten prompts.ten\n"
    "tppo -m gpt.ten --algo grpo --reward 'awk -f reward-letter.awk' -o tuned.ten tokens.ten"};

int
main(int argc, char **argv)
{
	size_t n;
	char **operands = cli_parse(&tool, argc, argv, &n);
	if (n > 1)
		cli_die(ERR_USAGE, "one stream of prompts, not %zu; join files with tcat", n);
	ppo_run(&run, n ? operands[0] : NULL);
	return 0;
}
