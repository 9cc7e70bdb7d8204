/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nats-server as the client sees it: enough of its protocol, and ends at will. */
#include "wire.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_SIZE_MAX 4096

atomic_bool wire_hangs;
atomic_int wire_connections;

static struct {
	int listener, peer;
	struct listening {
		char subject[128], sid[32];
	} subs[64]; /* of the connection */
	size_t count;
} server;

void wire_say(const void *bytes, size_t size)
{
	if (sendto(server.peer, bytes, size, MSG_NOSIGNAL, NULL, 0) != (ssize_t)size)
		(void)shutdown(server.peer, SHUT_RDWR);
}

void wire_end(void)
{
	(void)shutdown(server.peer, SHUT_WR);
}

const char *wire_listener(const char *inbox)
{
	for (size_t i = 0; i < server.count; i++) {
		const char *subject = server.subs[i].subject;
		size_t size = strlen(subject);
		bool wild = strchr("*>", subject[size - 1]) != NULL;
		if (wild ? strncmp(subject, inbox, size - 1) == 0 : strcmp(subject, inbox) == 0)
			return server.subs[i].sid;
	}
	return NULL;
}

void wire_answer(const char *inbox, const char *text)
{
	const char *sid = wire_listener(inbox);
	char line[BODY_SIZE_MAX];
	if (sid == NULL)
		return;
	int size = snprintf(line, sizeof line, "MSG %s %s %zu\r\n%s\r\n", inbox, sid, strlen(text),
	                    text);
	wire_say(line, (size_t)size);
}

static void subscribed(const char *subject, const char *sid)
{
	if (server.count == sizeof server.subs / sizeof *server.subs)
		exit(2);
	struct listening *sub = &server.subs[server.count++];
	(void)snprintf(sub->subject, sizeof sub->subject, "%s", subject);
	(void)snprintf(sub->sid, sizeof sub->sid, "%s", sid);
	on_subscribe(subject, sid);
}

/* The rest of a message whose line has been read. False: the connection ended. */
static bool published(FILE *in, const char *subject, const char *inbox, size_t size)
{
	char bytes[BODY_SIZE_MAX];
	if (size + 2 >= sizeof bytes || fread(bytes, 1, size + 2, in) != size + 2)
		return false;
	bytes[size] = '\0';
	on_message(&(struct wire_message){
	        .subject = subject, .inbox = inbox, .bytes = bytes, .size = size });
	return true;
}

static void serve(FILE *in)
{
	static const char info[] = "INFO {\"server_id\":\"x\",\"version\":\"2.10.0\",\"proto\":1,"
	                           "\"headers\":true,\"max_payload\":1048576}\r\n";
	char line[4096], subject[512], inbox[128], sid[32];
	size_t size;
	bool open = true;
	server.count = 0;
	wire_say(info, sizeof info - 1);
	while (open && fgets(line, sizeof line, in) != NULL) {
		if (strncmp(line, "PING", 4) == 0) {
			wire_say("PONG\r\n", 6);
		} else if (sscanf(line, "SUB %127s %31s", inbox, sid) == 2) {
			subscribed(inbox, sid);
		} else if (sscanf(line, "PUB %511s %127s %zu", subject, inbox, &size) == 3 ||
		           sscanf(line, "HPUB %511s %127s %*s %zu", subject, inbox, &size) == 3) {
			open = published(in, subject, inbox, size);
		}
	}
}

static void *serve_all(void *none)
{
	(void)none;
	while ((server.peer = accept(server.listener, NULL, NULL)) >= 0) {
		FILE *in = fdopen(server.peer, "r");
		if (in == NULL)
			exit(2);
		if (atomic_load(&wire_hangs)) {
			(void)fgetc(in); /* until the client has had enough */
		} else {
			atomic_fetch_add(&wire_connections, 1);
			serve(in);
		}
		(void)fclose(in);
	}
	return NULL;
}

void wire_open(char url[64])
{
	pthread_t thread;
	struct sockaddr_in at = { .sin_family = AF_INET,
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	server.listener = socket(AF_INET, SOCK_STREAM, 0);
	if (server.listener < 0 ||
	    bind(server.listener, (const struct sockaddr *)&at, sizeof at) != 0 ||
	    listen(server.listener, 4) != 0 ||
	    getsockname(server.listener, (struct sockaddr *)&at, &size) != 0 ||
	    pthread_create(&thread, NULL, serve_all, NULL) != 0)
		exit(2);
	(void)pthread_detach(thread);
	(void)snprintf(url, 64, "nats://127.0.0.1:%u", ntohs(at.sin_port));
}
