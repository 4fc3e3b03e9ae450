// What llama.cpp makes of a GGUF file, through the npm package node-llama-cpp in the folder LLAMA.
// usage: node llama.mjs MODEL.gguf <QUESTIONS: a JSON object of texts [text ...], chats [messages ...] and continued
// [{ids, prompt_length} ...]
// Prints JSON: tokens of each text, of each chat through the model's template; for each of `continued` the greedy
// continuation of its prompt, as many tokens as it has, and the log-probability of each token behind the prompt.
import path from "node:path";
import {pathToFileURL} from "node:url";
import {readFileSync} from "node:fs";

const {getLlama} = await import(pathToFileURL(path.join(process.env.LLAMA, "node_modules/node-llama-cpp/dist/index.js")));
const {Template} = await import(pathToFileURL(path.join(process.env.LLAMA, "node_modules/@huggingface/jinja/dist/index.js")));
const asked = JSON.parse(readFileSync(0, "utf8"));
const llama = await getLlama({gpu: false, build: "never", logLevel: "error"});
const model = await llama.loadModel({modelPath: process.argv[2], gpuLayers: 0});
const context = await model.createContext({contextSize: 256, experimentalKvCacheKeyType: "F32",
    experimentalKvCacheValueType: "F32", flashAttention: false, threads: 1});
const sequence = context.getSequence();

const next = {generateNext: {logits: true, options: {temperature: 0}}};

// logits: a map from token to logit
function logSoftmax(logits, token) {
	let most = -Infinity, sum = 0;
	for (const z of logits.values())
		most = Math.max(most, z);
	for (const z of logits.values())
		sum += Math.exp(z - most);
	return logits.get(token) - most - Math.log(sum);
}

function best(logits) {
	let token = -1, most = -Infinity;
	for (const [id, z] of logits)
		if (z > most)
			[token, most] = [id, z];
	return token;
}

const template = new Template(model.fileInfo.metadata.tokenizer.chat_template);
const answer = {chats: asked.chats.map(messages => [...model.tokenize(template.render({messages,
    add_generation_prompt: false}), true)]), texts: asked.texts.map(text => [...model.tokenize(text)]), continued: [],
    begins: model.tokens.shouldPrependBosToken ? model.tokens.bos : null, eos: model.tokens.eos};
for (const {ids, prompt_length} of asked.continued) {
	// one token at a time through its cache, each the most probable one
	await sequence.clearHistory();
	const greedy = [];
	let some = ids.slice(0, prompt_length);
	while (greedy.length < ids.length - prompt_length) {
		const out = await sequence.controlledEvaluate(some.map((id, i) => i + 1 < some.length ? id : [id, next]));
		some = [best(out.at(-1).next.logits)];
		greedy.push(some[0]);
	}
	// all at once, the tokens given
	await sequence.clearHistory();
	const out = await sequence.controlledEvaluate(ids.slice(0, -1).map((id, i) => i + 1 < prompt_length ? id : [id, next]));
	const logp = ids.slice(prompt_length).map((id, i) => logSoftmax(out[prompt_length - 1 + i].next.logits, id));
	answer.continued.push({greedy, logp});
}
process.stdout.write(JSON.stringify(answer) + "\n");
process.exit(0);
