/* hftokenizer.h - the vocabulary of a Hugging Face folder. Exits through cli_fail or cli_die. */
#ifndef TENON_IMPORT_HFTOKENIZER_H
#define TENON_IMPORT_HFTOKENIZER_H

#include "common/vocabio.h"
#include "model/config.h"

/* Sets *v to the vocabulary that the folder's tokenizer files are (text/tokenizer.h), as a model carries it. What
 * ends a document is, where the tokenizer puts nothing there and the model is a decoder, the eos_token_id of config.json.
 * A chat template in chat_template.jinja or tokenizer_config.json that is not built in is left out and said. Ids up to `rows`, those of the
 * embedding, that the tokenizer has no tokens for are not used. Without a tokenizer *v stays empty. */
void hf_vocabulary(struct vocab_file *v, const char *folder, const struct config *c, size_t rows);

#endif
