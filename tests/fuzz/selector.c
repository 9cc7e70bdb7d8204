/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Patterns, of EventBridge and of NATS: taken, or refused with a message and a place in the text.
 */
#include "core/base/assert.h"
#include "plugins/pattern/nats.h"
#include "plugins/pattern/pattern.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct nc_slice text = nc_slice(input, size);
	nacre_filter_error error = { .struct_size = sizeof error };
	struct nc_pattern *pattern = NULL;
	int answer = nc_pattern_compile(text, NULL, &pattern, &error);
	nc_assert((answer == 0) == (pattern != NULL));
	nc_assert(answer == 0 || (error.source_offset <= size && error.message[0] != '\0'));
	nc_pattern_free(pattern);
	size_t at;
	if (nc_nats_check(text, &at) == NULL) {
		struct nc_nats_trie *trie;
		nc_assert(nc_nats_trie_new(&trie) == NC_OK);
		nc_assert(nc_nats_trie_add(trie, text, 1) == NC_OK);
		nc_nats_trie_free(trie);
		nc_assert(nc_nats_match(text, text)); /* a pattern matches itself, stars as bytes */
	} else {
		nc_assert(at <= size);
	}
	return 0;
}
