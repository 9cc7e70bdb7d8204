/* SPDX-License-Identifier: GPL-3.0-or-later */
/* nats.c's own JetStream publishing against a real nacred: js_Publish, js_PublishAsync and its
 * errors, unchanged. usage: js_publish URL. Ends with "RESULT passed failed skipped". */
#include <nats/nats.h>
#include <stdio.h>
#include <string.h>

static int passed, failed;

static void expect(int ok, const char *what)
{
	if (ok) {
		passed++;
	} else {
		failed++;
	}
	(void)printf("%s: %s\n", what, ok ? "ok" : "FAILED");
}

static void publishes_and_recognises_a_retry(jsCtx *js)
{
	jsPubOptions options;
	jsPubAck *ack = NULL;
	jsErrCode code = 0;
	(void)jsPubOptions_Init(&options);
	options.MsgId = "c1";
	natsStatus status = js_Publish(&ack, js, "es.shop.append.T.c.1", "{}", 2, &options, &code);
	expect(status == NATS_OK && ack != NULL && ack->Sequence == 1 && !ack->Duplicate &&
	               strcmp(ack->Stream, "c.1") == 0,
	       "js_Publish gets a PubAck");
	jsPubAck_Destroy(ack);
	ack = NULL;
	status = js_Publish(&ack, js, "es.shop.append.T.c.1", "{}", 2, &options, &code);
	expect(status == NATS_OK && ack != NULL && ack->Sequence == 1 && ack->Duplicate,
	       "a retry with its id is a duplicate");
	jsPubAck_Destroy(ack);
}

static void refuses_a_wrong_sequence(jsCtx *js)
{
	jsPubOptions options;
	jsPubAck *ack = NULL;
	jsErrCode code = 0;
	(void)jsPubOptions_Init(&options);
	options.ExpectLastSeq = 7;
	natsStatus status = js_Publish(&ack, js, "es.shop.append.T.c.1", "{}", 2, &options, &code);
	expect(status != NATS_OK && code == 10071, "a wrong expected sequence is error 10071");
	jsPubAck_Destroy(ack);
}

static void publishes_many_asynchronously(jsCtx *js)
{
	enum { COUNT = 20000 };
	int refused = 0;
	for (int i = 0; i < COUNT; i++) {
		char subject[64];
		(void)snprintf(subject, sizeof subject, "es.shop.append.T.async.%d", i % 100);
		refused += js_PublishAsync(js, subject, "{\"n\":1}", 7, NULL) != NATS_OK;
	}
	jsPubOptions options;
	(void)jsPubOptions_Init(&options);
	options.MaxWait = 30000;
	natsStatus status = js_PublishAsyncComplete(js, &options);
	natsMsgList pending = { 0 };
	(void)js_PublishAsyncGetPendingList(&pending, js);
	expect(refused == 0 && status == NATS_OK && pending.Count == 0,
	       "20,000 asynchronous publishes are all acknowledged");
	natsMsgList_Destroy(&pending);

	jsPubAck *ack = NULL;
	jsErrCode code = 0;
	(void)jsPubOptions_Init(&options);
	options.ExpectLastSeq = COUNT / 100;
	status = js_Publish(&ack, js, "es.shop.append.T.async.0", "{}", 2, &options, &code);
	expect(status == NATS_OK && ack != NULL && ack->Sequence == COUNT / 100 + 1,
	       "and all of a stream's are in it");
	jsPubAck_Destroy(ack);
}

int main(int argc, char **argv)
{
	natsConnection *nc = NULL;
	jsCtx *js = NULL;
	if (argc != 2 || natsConnection_ConnectTo(&nc, argv[1]) != NATS_OK)
		return 2;
	jsOptions options;
	(void)jsOptions_Init(&options);
	options.PublishAsync.MaxPending = 1000;
	options.PublishAsync.StallWait =
	        30000; /* ms; its default of 200 is a busy machine's hiccup */
	if (natsConnection_JetStream(&js, nc, &options) != NATS_OK)
		return 2;
	publishes_and_recognises_a_retry(js);
	refuses_a_wrong_sequence(js);
	publishes_many_asynchronously(js);
	jsCtx_Destroy(js);
	natsConnection_Destroy(nc);
	nats_Close();
	(void)printf("RESULT %d %d 0\n", passed, failed);
	return failed != 0;
}
