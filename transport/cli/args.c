/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking a command line apart, and checking it against the command's description. */
#include "transport/cli/args.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/cli/near.h"

struct parse {
	struct nc_cli_args *args;
	const struct nc_cli_command *command;
	char **argv;
	size_t at, count;
	char *why;
	size_t why_size;
};

bool nc_cli_number_read(const char *text, uint64_t *value_out)
{
	uint64_t value = 0;
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return false;
		uint64_t digit = (uint64_t)(*text - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*value_out = value;
	return true;
}

bool nc_cli_duration_read(const char *text, uint64_t *ms_out)
{
	static const struct {
		const char *unit;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "", 1000 } };
	char digits[24];
	size_t size = strspn(text, "0123456789");
	uint64_t value = 0;
	if (size >= sizeof digits)
		return false;
	memcpy(digits, text, size);
	digits[size] = '\0';
	if (!nc_cli_number_read(digits, &value))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(text + size, units[i].unit) == 0) {
			if (value > (uint64_t)INT64_MAX / units[i].ms / 1000000)
				return false;
			*ms_out = value * units[i].ms;
			return true;
		}
	}
	return false;
}

/* Whether an option's value is described as a choice: words in small letters with bars between
 * them, of which exactly one must be given. */
static bool is_choice(const char *value)
{
	return strchr(value, '|') != NULL &&
	       strspn(value, "abcdefghijklmnopqrstuvwxyz|") == strlen(value);
}

static bool choice_has(const char *choice, const char *value)
{
	size_t size = strlen(value);
	while (choice != NULL) {
		const char *end = strchr(choice, '|');
		size_t have = end == NULL ? strlen(choice) : (size_t)(end - choice);
		if (have == size && memcmp(choice, value, size) == 0)
			return true;
		choice = end == NULL ? NULL : end + 1;
	}
	return false;
}

static bool value_check(struct parse *parse, const struct nc_cli_option *option, const char *value)
{
	uint64_t number;
	const char *wanted = NULL;
	if (strcmp(option->value, "N") == 0 && !nc_cli_number_read(value, &number)) {
		wanted = "a number";
	} else if (strcmp(option->value, "DURATION") == 0 &&
	           !nc_cli_duration_read(value, &number)) {
		wanted = "a duration (500ms, 5s, 2m, 1h)";
	} else if (is_choice(option->value) && !choice_has(option->value, value)) {
		wanted = option->value;
	}
	if (wanted == NULL)
		return true;
	(void)snprintf(parse->why, parse->why_size, "--%s: expected %s, not '%.60s'", option->name,
	               wanted, value);
	return false;
}

static const struct nc_cli_option *option_find(const struct parse *parse, const char *name,
                                               size_t size, char letter)
{
	const struct nc_cli_option *list;
	for (unsigned i = 0; (list = nc_cli_options(parse->command, i)) != NULL; i++) {
		for (; list->name != NULL; list++) {
			if (letter != 0 ? list->letter == letter
			                : strlen(list->name) == size &&
			                          memcmp(list->name, name, size) == 0)
				return list;
		}
	}
	return NULL;
}

static bool give(struct parse *parse, const struct nc_cli_option *option, const char *value)
{
	if (value != NULL && !value_check(parse, option, value))
		return false;
	if (!option->many && nc_cli_has(parse->args, option->name)) {
		(void)snprintf(parse->why, parse->why_size, "--%s is given twice", option->name);
		return false;
	}
	parse->args->given[parse->args->given_count++] = (struct nc_cli_given){ option, value };
	return true;
}

/* The value of an option, which is attached to it or comes next. NULL if there is none. */
static const char *value_take(struct parse *parse, const struct nc_cli_option *option,
                              const char *attached)
{
	if (attached != NULL)
		return attached;
	if (parse->at < parse->count)
		return parse->argv[parse->at++];
	(void)snprintf(parse->why, parse->why_size, "--%s needs a value: %s", option->name,
	               option->value);
	return NULL;
}

static bool unknown_long(struct parse *parse, const char *name, size_t size)
{
	char typed[64];
	(void)snprintf(typed, sizeof typed, "%.*s", (int)(size < sizeof typed ? size : 60), name);
	struct nc_cli_near near = nc_cli_near(typed);
	const struct nc_cli_option *list;
	for (unsigned i = 0; (list = nc_cli_options(parse->command, i)) != NULL; i++) {
		for (; list->name != NULL; list++)
			nc_cli_near_try(&near, list->name);
	}
	(void)snprintf(parse->why, parse->why_size, "unknown option '--%s'%s%s%s", typed,
	               near.word == NULL ? "" : "; did you mean '--",
	               near.word == NULL ? "" : near.word, near.word == NULL ? "" : "'?");
	return false;
}

static bool long_option(struct parse *parse, const char *typed)
{
	const char *name = typed + 2, *equals = strchr(name, '=');
	size_t size = equals == NULL ? strlen(name) : (size_t)(equals - name);
	const struct nc_cli_option *option = option_find(parse, name, size, 0);
	if (option == NULL)
		return unknown_long(parse, name, size);
	if (option->value == NULL) {
		if (equals == NULL)
			return give(parse, option, NULL);
		(void)snprintf(parse->why, parse->why_size, "--%s takes no value", option->name);
		return false;
	}
	const char *value = value_take(parse, option, equals == NULL ? NULL : equals + 1);
	return value != NULL && give(parse, option, value);
}

static bool letters(struct parse *parse, const char *typed)
{
	for (const char *at = typed + 1; *at != '\0'; at++) {
		const struct nc_cli_option *option = option_find(parse, NULL, 0, *at);
		if (option == NULL) {
			(void)snprintf(parse->why, parse->why_size, "unknown option '%.60s'",
			               typed);
			return false;
		}
		if (option->value != NULL) {
			const char *value =
			        value_take(parse, option, at[1] == '\0' ? NULL : at + 1);
			return value != NULL && give(parse, option, value);
		}
		if (!give(parse, option, NULL))
			return false;
	}
	return true;
}

/* The description of a command's words, from that of the word at `at` on. */
static const char *words_from(const char *words, size_t at)
{
	while (at-- > 0) {
		words += strcspn(words, " ");
		words += strspn(words, " ");
	}
	return words;
}

/* Name the words that the command needs and was not given. Those that it need not have come last.
 */
static void say_missing(struct parse *parse)
{
	const struct nc_cli_command *command = parse->command;
	const char *missing = words_from(command->words, parse->args->word_count);
	size_t size = strlen(missing) - strlen(words_from(command->words, command->words_min));
	while (size > 0 && missing[size - 1] == ' ')
		size--;
	(void)snprintf(parse->why, parse->why_size, "missing: %.*s", (int)size, missing);
}

static bool words_check(struct parse *parse)
{
	const struct nc_cli_command *command = parse->command;
	const struct nc_cli_args *args = parse->args;
	if (nc_cli_has(args, "help"))
		return true;
	if (args->word_count > command->words_max) {
		(void)snprintf(parse->why, parse->why_size, "one word too many: '%.60s'",
		               args->words[command->words_max]);
	} else if (args->word_count < command->words_min) {
		say_missing(parse);
	} else if (command->rest != NULL && (args->rest == NULL || args->rest[0] == NULL)) {
		(void)snprintf(parse->why, parse->why_size, "missing: -- %s", command->rest);
	} else {
		return true;
	}
	return false;
}

bool nc_cli_args_parse(struct nc_cli_args *args, const struct nc_cli_command *command, char **argv,
                       size_t count, char *why, size_t why_size)
{
	struct parse parse = { args, command, argv, 0, count, why, why_size };
	bool words_only = false;
	/* An argument may hold many switches, but none is longer than its text. */
	size_t room = 1;
	for (size_t i = 0; i < count; i++)
		room += strlen(argv[i]) + 1;
	*args = (struct nc_cli_args){ .words = calloc(count + 1, sizeof *args->words),
		                      .given = calloc(room, sizeof *args->given) };
	if (args->words == NULL || args->given == NULL) {
		(void)snprintf(why, why_size, "out of memory");
		return false;
	}
	while (parse.at < count) {
		char *typed = argv[parse.at++];
		if (words_only || typed[0] != '-' || typed[1] == '\0') {
			args->words[args->word_count++] = typed;
		} else if (strcmp(typed, "--") == 0) {
			if (command->rest != NULL) {
				args->rest = argv + parse.at;
				break;
			}
			words_only = true;
		} else if (!(typed[1] == '-' ? long_option(&parse, typed)
		                             : letters(&parse, typed))) {
			return false;
		}
	}
	return words_check(&parse);
}

void nc_cli_args_release(struct nc_cli_args *args)
{
	free(args->words);
	free(args->given);
	*args = (struct nc_cli_args){ 0 };
}

static const struct nc_cli_given *last_given(const struct nc_cli_args *args, const char *option)
{
	for (size_t i = args->given_count; i > 0; i--) {
		if (strcmp(args->given[i - 1].option->name, option) == 0)
			return &args->given[i - 1];
	}
	return NULL;
}

const char *nc_cli_value(const struct nc_cli_args *args, const char *option)
{
	const struct nc_cli_given *given = last_given(args, option);
	return given == NULL ? NULL : given->value;
}

bool nc_cli_has(const struct nc_cli_args *args, const char *option)
{
	return last_given(args, option) != NULL;
}

const char *nc_cli_each(const struct nc_cli_args *args, const char *option, size_t *at)
{
	while (*at < args->given_count) {
		const struct nc_cli_given *given = &args->given[(*at)++];
		if (strcmp(given->option->name, option) == 0)
			return given->value;
	}
	return NULL;
}

uint64_t nc_cli_number(const struct nc_cli_args *args, const char *option, uint64_t otherwise)
{
	const char *value = nc_cli_value(args, option);
	if (value != NULL)
		(void)nc_cli_number_read(value, &otherwise);
	return otherwise;
}

uint64_t nc_cli_duration_ms(const struct nc_cli_args *args, const char *option, uint64_t otherwise)
{
	const char *value = nc_cli_value(args, option);
	if (value != NULL)
		(void)nc_cli_duration_read(value, &otherwise);
	return otherwise;
}

const char *nc_cli_word(const struct nc_cli_args *args, size_t at)
{
	return at < args->word_count ? args->words[at] : NULL;
}
