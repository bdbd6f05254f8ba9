/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "launch.h"

/* Runs a shell script as if it were a kernel; its output is read to the end, which is when no process of it is left. */
static void run_script(const char *script, char *out, size_t size, int *ret_status) {
        char *argv[] = {(char *) "sh", (char *) "-c", (char *) script, NULL};
        int pipe_fds[2], keep;
        size_t n = 0;
        ssize_t k;
        pid_t pid;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        keep = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, 300);
        assert_int_equal(keep, 300);
        pid = launch_kernel("/bin/sh", argv, pipe_fds[1], &keep, 1);
        assert_true(pid > 0);
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(close(keep), 0);
        while ((k = read(pipe_fds[0], out + n, size - 1 - n)) > 0)
                n += (size_t) k;
        out[n] = 0;
        assert_int_equal(waitpid(pid, ret_status, 0), pid);
        assert_int_equal(close(pipe_fds[0]), 0);
}

static void test_environment(void **state) {
        char out[1024];
        int status;

        assert_int_equal(setenv("NOTIFY_SOCKET", "/run/x", 1), 0);
        run_script("env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^OLDPWD=; readlink /proc/self/fd/0; cat /proc/self/personality", out, sizeof(out), &status);
        assert_int_equal(status, 0);
        assert_non_null(strstr(out, "HOME=/\n"));
        assert_null(strstr(out, "NOTIFY_SOCKET"));
        assert_non_null(strstr(out, "/dev/null\n"));
        assert_non_null(strstr(out, "00040000\n"));
}

static void test_descriptors(void **state) {
        int leak = fcntl(STDERR_FILENO, F_DUPFD, 100), status;
        char out[64];

        assert_true(leak >= 100);
        run_script("for i in $(seq 100 400); do if [ -e /proc/$$/fd/$i ]; then echo $i; fi; done", out, sizeof(out), &status);
        assert_int_equal(status, 0);
        assert_string_equal(out, "300\n"); /* the one that was asked for */
        assert_int_equal(close(leak), 0);
}

static void test_signals(void **state) {
        char out[1024];
        int status;

        (void) signal(SIGPIPE, SIG_IGN);
        run_script("grep -e SigBlk -e SigIgn /proc/self/status", out, sizeof(out), &status);
        assert_string_equal(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void test_failure(void **state) {
        char *argv[] = {(char *) "x", NULL};

        assert_int_equal(launch_kernel("/nonexistent", argv, STDERR_FILENO, NULL, 0), -ENOENT);
        assert_int_equal(launch_kernel("/dev/null", argv, STDERR_FILENO, NULL, 0), -EACCES);
}

/* As a UML kernel that dies leaves them: processes of all generations, stopped ones and such that left the session. */
static void test_kill_all(void **state) {
        char *argv[] = {(char *) "sh", (char *) "-c",
                        (char *) "trap '' TERM HUP; (sleep 1000 & sleep 1000) & setsid sh -c 'sleep 1000; sleep 1000' &"
                                 " sh -c 'kill -STOP $$' & (setsid setsid sleep 1000 &) ; echo up; wait",
                        NULL};
        int pipe_fds[2];
        char word[4];
        pid_t pid;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        pid = launch_kernel("/bin/sh", argv, pipe_fds[1], NULL, 0);
        assert_true(pid > 0);
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(read(pipe_fds[0], word, 3), 3);

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(kill_all(0), 0);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        assert_int_equal(read(pipe_fds[0], word, 1), 0); /* all ends of the pipe are closed: nobody is left */
        assert_int_equal(close(pipe_fds[0]), 0);
}

static int setup(void **state) {
        sigset_t child;

        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);
        return sigprocmask(SIG_BLOCK, &child, NULL) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a kernel starts with a clean environment, without stdin and address randomisation", test_environment),
                TEST("a kernel inherits no descriptor but those meant for it", test_descriptors),
                TEST("a kernel starts with clean signals", test_signals),
                TEST("a kernel that cannot be executed is told at once", test_failure),
                TEST("of a killed kernel's processes none is left", test_kill_all),
        };

        return cmocka_run_group_tests_name("launch", tests, setup, NULL);
}
