/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "keeper.h"
#include "launch.h"

#define PATIENCE 10000 /* ms */

/* A shell script as if it were a kernel. Returns the keeper's socket. */
static int start_script(const char *script, int output, const int *keep, size_t n_keep, pid_t *ret_pid) {
        char *argv[] = {(char *) "sh", (char *) "-c", (char *) script, NULL};
        int fd = launch_kernel(getenv("KEEPER"), "/bin/sh", argv, output, keep, n_keep, ret_pid);

        assert_true(fd >= 0);
        assert_true(*ret_pid > 0);
        return fd;
}

/* How the kernel ended, as its keeper tells. */
static int await_end(int fd) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        KeeperMessage message;

        assert_int_equal(poll(&p, 1, PATIENCE), 1);
        assert_int_equal(recv(fd, &message, sizeof(message), 0), sizeof(message));
        assert_int_equal(message.kind, KEEPER_ENDED);
        assert_int_equal(message.rest, 0);
        assert_int_equal(close(fd), 0);
        return message.value;
}

/* Its output is read to the end, which is when no process of it is left. */
static void run_script(const char *script, char *out, size_t size, int *ret_status) {
        int pipe_fds[2], keep, fd;
        size_t n = 0;
        ssize_t k;
        pid_t pid;

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        keep = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, 300);
        assert_int_equal(keep, 300);
        fd = start_script(script, pipe_fds[1], &keep, 1, &pid);
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(close(keep), 0);
        while ((k = read(pipe_fds[0], out + n, size - 1 - n)) > 0)
                n += (size_t) k;
        out[n] = 0;
        *ret_status = await_end(fd);
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
        pid_t pid;

        assert_int_equal(launch_kernel(getenv("KEEPER"), "/nonexistent", argv, STDERR_FILENO, NULL, 0, &pid), -ENOENT);
        assert_int_equal(launch_kernel(getenv("KEEPER"), "/dev/null", argv, STDERR_FILENO, NULL, 0, &pid), -EACCES);
        assert_int_equal(launch_kernel("/nonexistent", "/bin/true", argv, STDERR_FILENO, NULL, 0, &pid), -ENOENT);
        assert_int_equal(launch_kernel("/bin/true", "/bin/true", argv, STDERR_FILENO, NULL, 0, &pid), -EIO);
}

/* As a UML kernel leaves them: processes of all generations, stopped ones and such that left the session. */
#define FAMILY                                                                                                         \
        "trap '' HUP; (sleep 1000 & sleep 1000) & setsid sh -c 'sleep 1000; sleep 1000' &"                             \
        " sh -c 'kill -STOP $$' & (setsid setsid sleep 1000 &) ; echo up; wait"

typedef struct Family {
        int socket, output;
        pid_t pid;
} Family;

static Family start_family(const char *script) {
        Family f;
        int pipe_fds[2];
        char word[4];

        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        f.socket = start_script(script, pipe_fds[1], NULL, 0, &f.pid);
        f.output = pipe_fds[0];
        assert_int_equal(close(pipe_fds[1]), 0);
        assert_int_equal(read(f.output, word, 3), 3);
        return f;
}

static void assert_nobody_left(const Family *f) {
        struct pollfd p = {.fd = f->output, .events = POLLIN};
        char byte;

        assert_int_equal(poll(&p, 1, PATIENCE), 1);
        assert_int_equal(read(f->output, &byte, 1), 0); /* all ends of the pipe are closed */
        assert_int_equal(close(f->output), 0);
}

static void test_killed(void **state) {
        Family f = start_family(FAMILY);
        int status;

        assert_int_equal(kill(f.pid, SIGKILL), 0);
        status = await_end(f.socket);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        assert_nobody_left(&f);
}

static void test_nobody_wants(void **state) {
        Family f = start_family(FAMILY);
        int second = fcntl(f.socket, F_DUPFD_CLOEXEC, 3);

        assert_true(second >= 0);
        assert_int_equal(close(f.socket), 0);
        assert_int_equal(kill(f.pid, 0), 0); /* the manager's copy is there */
        assert_int_equal(close(second), 0);
        assert_nobody_left(&f);
}

static pid_t parent_of(pid_t pid) {
        char path[64];
        FILE *f;
        int ppid = 0;

        (void) snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_int_equal(fscanf(f, "%*d %*s %*c %d", &ppid), 1);
        (void) fclose(f);
        return ppid;
}

static void test_keeper_signals(void **state) {
        Family f = start_family("trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done");
        unsigned char byte = SIGTERM;
        int status;

        for (int i = 1; i < SIGRTMAX; i++) /* a storm at the keeper is none at the kernel */
                if (i != SIGKILL && i != SIGSTOP && i != 32 && i != 33)
                        assert_int_equal(kill(parent_of(f.pid), i), 0);
        assert_int_equal(send(f.socket, &byte, 1, 0), 1);
        status = await_end(f.socket);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 7);
        assert_nobody_left(&f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST("a kernel starts with a clean environment, without stdin and address randomisation", test_environment),
                TEST("a kernel inherits no descriptor but those meant for it", test_descriptors),
                TEST("a kernel starts with clean signals", test_signals),
                TEST("a kernel that cannot be executed is told at once", test_failure),
                TEST("of a killed kernel's processes none is left, and its keeper tells how it ended", test_killed),
                TEST("a kernel that nobody wants any more is killed with all its processes", test_nobody_wants),
                TEST("a keeper survives all signals, and sends those that it is asked to send", test_keeper_signals),
        };

        return cmocka_run_group_tests_name("launch", tests, NULL, NULL);
}
