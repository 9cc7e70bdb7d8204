/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The member `deliver` of a definition: where events are pushed to. */
#include "core/delivery/definition_private.h"

/* Why the byte may not stand in a token of a literal subject; NULL: it may. */
static const char *byte_fault(uint8_t byte)
{
	if (byte <= ' ' || byte == 0x7f)
		return "holds a space or a control character";
	return byte == '*' || byte == '>' ? "must be literal, without wildcards" : NULL;
}

static const char *subject_fault(struct nc_slice subject, struct nc_slice forbidden)
{
	if (subject.size == 0 || subject.size > NC_DEFINITION_SUBJECT_MAX)
		return "1 to 255 bytes are expected";
	if (subject.data[0] == '$' || nc_slice_starts(subject, NC_SLICE("_es.")) ||
	    (forbidden.size > 0 && nc_slice_starts(subject, forbidden)))
		return "lies where only the node publishes";
	bool begins = true;
	for (size_t i = 0; i < subject.size; i++) {
		uint8_t byte = subject.data[i];
		const char *fault = byte_fault(byte);
		if (fault != NULL)
			return fault;
		if (byte == '.' && begins)
			return "holds an empty token";
		begins = byte == '.';
	}
	return begins ? "holds an empty token" : NULL;
}

static int read_subject(struct nc_parse *parse, const struct nc_json_token *token)
{
	int err = nc_parse_text(parse, token, "deliver.subject", &parse->subject);
	if (err != NC_OK)
		return err;
	const char *fault =
	        subject_fault(nc_parse_text_of(parse, parse->subject), parse->forbidden);
	if (fault == NULL)
		return NC_OK;
	nc_buf_printf(parse->why, "deliver.subject: %s", fault);
	return NC_INVALID;
}

static int read_queue(struct nc_parse *parse, const struct nc_json_token *token)
{
	int err = nc_parse_text(parse, token, "deliver.queue", &parse->queue);
	if (err != NC_OK)
		return err;
	const char *fault = subject_fault(nc_parse_text_of(parse, parse->queue), nc_slice(NULL, 0));
	if (fault == NULL)
		return NC_OK;
	nc_buf_printf(parse->why, "deliver.queue: %s", fault);
	return NC_INVALID;
}

static int read_form(struct nc_parse *parse, const struct nc_json_token *token)
{
	unsigned word = 0;
	int err = nc_parse_word(parse, token, "deliver.format", nc_words_form, &word);
	parse->to->form = (enum nc_form)word;
	return err;
}

int nc_parse_deliver(struct nc_parse *parse, const struct nc_json_token *token)
{
	static const struct nc_parse_member members[] = { { "subject", read_subject },
		                                          { "queue", read_queue },
		                                          { "format", read_form } };
	parse->to->form = NC_FORM_HEADERS;
	parse->to->push = token->type != NC_JSON_NULL;
	parse->subject = parse->queue = (struct nc_parse_text){ 0, 0 };
	if (!parse->to->push)
		return NC_OK;
	int err =
	        nc_parse_object(parse, token, "deliver", members, sizeof members / sizeof *members);
	if (err == NC_OK && parse->subject.size == 0)
		err = nc_parse_refuse(parse, "deliver.subject: is required");
	return err;
}
