/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>

#include "keeper.h"
#include "launch.h"
#include "util.h"

/* The kernel's whole environment. UML looks for the directory of its memory file in $TMPDIR first, and for $HOME though
 * uml_dir= is given. */
static int make_environment(char *environment[4]) {
        const char *tmpdir = getenv("TMPDIR");

        environment[0] = (char *) "HOME=/";
        environment[1] = (char *) "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        environment[2] = NULL;
        environment[3] = NULL;
        return tmpdir && asprintf(&environment[2], "TMPDIR=%s", tmpdir) < 0 ? -ENOMEM : 0;
}

/* keeper KERNEL ARGV… */
static char **make_arguments(const char *keeper, const char *kernel, char *const argv[]) {
        size_t n = 0;
        char **a;

        while (argv[n])
                n++;
        a = calloc(n + 3, sizeof(*a));
        if (!a)
                return NULL;
        a[0] = (char *) keeper;
        a[1] = (char *) kernel;
        memcpy(a + 2, argv, n * sizeof(*a));
        return a;
}

static int become_keeper(char *const argv[], char *const environment[], int socket, int output, const int *keep, size_t n_keep) {
        if (dup2(socket, KEEPER_FD) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
                return negative_errno();
        if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return negative_errno();
        for (size_t i = 0; i < n_keep; i++)
                if (fcntl(keep[i], F_SETFD, 0) < 0)
                        return negative_errno();
        (void) execve(argv[0], argv, environment);
        return negative_errno();
}

/* Its first message, and that says it all. */
static int await_start(int socket, pid_t *ret_kernel) {
        KeeperMessage message;
        ssize_t n;

        do
                n = recv(socket, &message, sizeof(message), 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return negative_errno();
        if (n != sizeof(message) || (message.kind != KEEPER_STARTED && message.kind != KEEPER_FAILED))
                return -EIO; /* it was killed */
        if (message.kind == KEEPER_FAILED)
                return message.value < 0 ? message.value : -EIO;
        *ret_kernel = message.value;
        return 0;
}

static int start_keeper(char *const argv[], char *const environment[], int output, const int *keep, size_t n_keep) {
        int pair[2], r;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
                return negative_errno();
        pid = fork();
        if (pid == 0) {
                KeeperMessage failed = {.kind = KEEPER_FAILED};

                failed.value = become_keeper(argv, environment, pair[1], output, keep, n_keep);
                (void) send(pair[1], &failed, sizeof(failed), MSG_NOSIGNAL);
                _exit(EXIT_FAILURE);
        }
        r = pid < 0 ? negative_errno() : 0;
        safe_close(pair[1]);
        if (r < 0) {
                safe_close(pair[0]);
                return r;
        }
        return pair[0];
}

int launch_kernel(const char *keeper, const char *kernel, char *const argv[], int output, const int *keep, size_t n_keep, pid_t *ret_kernel) {
        _cleanup_free_ char **arguments = make_arguments(keeper, kernel, argv);
        _cleanup_close_ int fd = -EBADF;
        char *environment[4];
        int r;

        if (!arguments || make_environment(environment) < 0)
                return -ENOMEM;
        fd = start_keeper(arguments, environment, output, keep, n_keep);
        free(environment[2]);
        if (fd < 0)
                return fd;
        r = await_start(fd, ret_kernel);
        if (r < 0)
                return r;
        if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
                return negative_errno(); /* and the keeper ends what it has started */
        return TAKE_FD(fd);
}
