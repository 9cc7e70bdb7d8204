/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nreq: plain NATS from a shell, for the quickstart and the getting-started page. It knows nothing
 * of Nacre: what it does, any NATS client does. */
#include <nats/nats.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_ERROR_REPLY = 1, EXIT_USAGE = 2, EXIT_NATS = 3 };
#define WAIT_MS 5000

static int usage(void)
{
	(void)fprintf(
	        stderr,
	        "usage: nreq URL request SUBJECT DATA [HEADER:VALUE ...]   one request, its "
	        "answer\n"
	        "       nreq URL read SUBJECT [BODY]                       a request with many "
	        "answers\n"
	        "       nreq URL watch SUBJECT COUNT                       print COUNT messages\n"
	        "       nreq URL load SUBJECT FIRST LAST                   numbered requests; "
	        "prints those "
	        "acknowledged\n");
	return EXIT_USAGE;
}

static int fail(const char *what, natsStatus status)
{
	(void)fprintf(stderr, "nreq: %s: %s\n", what, natsStatus_GetText(status));
	return EXIT_NATS;
}

static const char *header(natsMsg *msg, const char *name)
{
	const char *value = NULL;
	return natsMsgHeader_Get(msg, name, &value) == NATS_OK ? value : NULL;
}

static bool print_error(natsMsg *msg)
{
	if (header(msg, "Nats-Service-Error") == NULL)
		return false;
	(void)printf("refused: %.*s\n", natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
	return true;
}

static void print_event(natsMsg *msg)
{
	const char *position = header(msg, "Es-Position"), *version = header(msg, "Nats-Sequence");
	const char *stream = header(msg, "Es-Stream"), *type = header(msg, "Es-Type");
	(void)printf("position %s  %s version %s  %s  %.*s\n", position == NULL ? "?" : position,
	             stream == NULL ? "?" : stream, version == NULL ? "?" : version,
	             type == NULL ? "?" : type, natsMsg_GetDataLength(msg), natsMsg_GetData(msg));
	(void)fflush(stdout);
}

static natsStatus headers_add(natsMsg *msg, char **headers)
{
	natsStatus status = NATS_OK;
	for (; *headers != NULL && status == NATS_OK; headers++) {
		char *colon = strchr(*headers, ':');
		if (colon == NULL)
			return NATS_INVALID_ARG;
		*colon = '\0';
		status = natsMsgHeader_Add(msg, *headers, colon + 1 + strspn(colon + 1, " "));
	}
	return status;
}

static int request(natsConnection *nc, const char *subject, const char *data, char **headers)
{
	natsMsg *msg = NULL, *reply = NULL;
	natsStatus status = natsMsg_Create(&msg, subject, NULL, data, (int)strlen(data));
	if (status == NATS_OK)
		status = headers_add(msg, headers);
	if (status == NATS_OK)
		status = natsConnection_RequestMsg(&reply, nc, msg, WAIT_MS);
	natsMsg_Destroy(msg);
	if (status != NATS_OK)
		return fail(subject, status);
	bool refused = print_error(reply);
	if (!refused)
		(void)printf("%.*s\n", natsMsg_GetDataLength(reply), natsMsg_GetData(reply));
	natsMsg_Destroy(reply);
	return refused ? EXIT_ERROR_REPLY : 0;
}

static int answers(natsConnection *nc, const char *subject, const char *body)
{
	natsSubscription *sub = NULL;
	natsInbox *inbox = NULL;
	natsStatus status = natsInbox_Create(&inbox);
	if (status == NATS_OK)
		status = natsConnection_SubscribeSync(&sub, nc, inbox);
	if (status == NATS_OK)
		status = natsConnection_PublishRequest(nc, subject, inbox, body, (int)strlen(body));
	int exit_code = 0;
	for (bool more = status == NATS_OK; more;) {
		natsMsg *msg = NULL;
		status = natsSubscription_NextMsg(&msg, sub, WAIT_MS);
		if (status != NATS_OK)
			break;
		if (print_error(msg)) {
			exit_code = EXIT_ERROR_REPLY;
			more = false;
		} else if (header(msg, "Status") != NULL) {
			more = false;
		} else {
			print_event(msg);
		}
		natsMsg_Destroy(msg);
	}
	natsSubscription_Destroy(sub);
	natsInbox_Destroy(inbox);
	return status == NATS_OK ? exit_code : fail(subject, status);
}

static int watch(natsConnection *nc, const char *subject, long count)
{
	natsSubscription *sub = NULL;
	natsStatus status = natsConnection_SubscribeSync(&sub, nc, subject);
	if (status == NATS_OK)
		status = natsConnection_FlushTimeout(nc, WAIT_MS);
	if (status == NATS_OK) {
		(void)printf("watching %s\n", subject);
		(void)fflush(stdout);
	}
	for (; status == NATS_OK && count > 0; count--) {
		natsMsg *msg = NULL;
		status = natsSubscription_NextMsg(&msg, sub, 4 * WAIT_MS);
		if (status == NATS_OK)
			print_event(msg);
		natsMsg_Destroy(msg);
	}
	natsSubscription_Destroy(sub);
	return status == NATS_OK ? 0 : fail(subject, status);
}

/* {"n":1}, {"n":2}, … one after the other, until one is not answered; what was acknowledged goes to
 * stdout. */
static int load(natsConnection *nc, const char *subject, long first, long last)
{
	long n = first;
	for (; n <= last; n++) {
		char data[32];
		natsMsg *reply = NULL;
		(void)snprintf(data, sizeof data, "{\"n\":%ld}", n);
		natsStatus status =
		        natsConnection_RequestString(&reply, nc, subject, data, WAIT_MS / 5);
		if (status != NATS_OK)
			break;
		bool refused = header(reply, "Nats-Service-Error") != NULL;
		natsMsg_Destroy(reply);
		if (refused)
			break;
		(void)printf("%ld\n", n);
		(void)fflush(stdout);
	}
	return 0;
}

static int run(natsConnection *nc, int argc, char **argv)
{
	const char *verb = argv[2], *subject = argv[3];
	if (strcmp(verb, "request") == 0 && argc >= 5)
		return request(nc, subject, argv[4], argv + 5);
	if (strcmp(verb, "read") == 0)
		return answers(nc, subject, argc > 4 ? argv[4] : "");
	if (strcmp(verb, "watch") == 0 && argc == 5)
		return watch(nc, subject, strtol(argv[4], NULL, 10));
	if (strcmp(verb, "load") == 0 && argc == 6)
		return load(nc, subject, strtol(argv[4], NULL, 10), strtol(argv[5], NULL, 10));
	return usage();
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return usage();
	natsConnection *nc = NULL;
	natsStatus status = natsConnection_ConnectTo(&nc, argv[1]);
	if (status != NATS_OK)
		return fail(argv[1], status);
	int exit_code = run(nc, argc, argv);
	natsConnection_Destroy(nc);
	nats_Close();
	return exit_code;
}
