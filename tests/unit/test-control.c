/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "control.h"

static Loop loop;
static Control *control;
static ControlClient *unanswered;

#define LONG 250000 /* bytes of an answer: more than a socket takes at once */

static void on_request(void *userdata, ControlClient *client, const char *command) {
        static char text[LONG + 1];

        if (streq(command, "end")) {
                control_reply(client, false, "");
                loop.done = true;
        } else if (streq(command, "long")) {
                memset(text, 'x', sizeof(text) - 1);
                control_reply(client, false, text);
        } else if (streq(command, "wait")) {
                if (unanswered)
                        control_reply(unanswered, true, "late"); /* its client has gone */
                unanswered = client;
        } else
                control_reply(client, true, command);
}

/* A client of another process, as they are; returns 0 if all was as expected. */
static int client(void) {
        MconsoleReply reply;
        char longest[600];

        if (control_call("control", "refuse me", USEC_PER_SEC, &reply) != 0 || !reply.failed || !streq(reply.text, "refuse me"))
                return 1;
        mconsole_reply_done(&reply);
        if (control_call("control", "long", USEC_PER_SEC, &reply) != 0 || reply.failed || reply.size != LONG)
                return 2;
        mconsole_reply_done(&reply);
        memset(longest, 'y', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = 0;
        if (control_call("control", longest, USEC_PER_SEC, &reply) != -E2BIG)
                return 3;
        if (control_call("control", "wait", 10000, &reply) != -ETIMEDOUT || control_call("control", "wait", 10000, &reply) != -ETIMEDOUT)
                return 4;
        if (control_call("nowhere", "x", USEC_PER_SEC, &reply) != -ENOENT)
                return 5;
        if (control_call("control", "end", USEC_PER_SEC, &reply) != 0 || reply.failed)
                return 6;
        mconsole_reply_done(&reply);
        return 0;
}

static void test_control(void **state) {
        char directory[] = "/tmp/test-control-XXXXXX";
        pid_t pid;
        int status;

        assert_non_null(mkdtemp(directory));
        assert_int_equal(chdir(directory), 0);
        assert_int_equal(loop_open(&loop), 0);
        assert_int_equal(control_new(&control, &loop, "control", on_request, NULL), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                _exit(client());

        assert_int_equal(loop_run(&loop), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);

        control_free(control);
        control_reply(unanswered, false, "nobody hears this");
        loop_close(&loop);
        assert_int_equal(unlink("control"), 0);
        assert_int_equal(rmdir(directory), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("clients are answered, and those that leave do no harm", test_control),
        };

        return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
