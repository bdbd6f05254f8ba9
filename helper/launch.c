/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <signal.h>
#include <sys/personality.h>
#include <sys/wait.h>

#include "launch.h"
#include "loop.h"
#include "util.h"

#define KILL_TIMEOUT (5 * USEC_PER_SEC)

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

static int reset_signals(void) {
        const struct sigaction by_default = {.sa_handler = SIG_DFL};
        sigset_t none;

        for (int signal = 1; signal < NSIG; signal++)
                if (signal != SIGKILL && signal != SIGSTOP)
                        (void) sigaction(signal, &by_default, NULL); /* EINVAL for the two that glibc keeps */
        (void) sigemptyset(&none);
        return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? negative_errno() : 0;
}

static int become_kernel(const char *path, char *const argv[], char *const environment[], int output, const int *keep, size_t n_keep) {
        int null, r;

        r = reset_signals();
        if (r < 0)
                return r;
        null = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
                return negative_errno();
        if (close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
                return negative_errno();
        for (size_t i = 0; i < n_keep; i++)
                if (fcntl(keep[i], F_SETFD, 0) < 0)
                        return negative_errno();

        /* With randomisation, kernels before 7.x take up to a gigabyte more memory, and lose some of the guest's ("Adding …
         * bytes to account for exec-shield gap"). LockPersonality= forbids it: then it stays so. */
        (void) personality(ADDR_NO_RANDOMIZE);

        (void) execve(path, argv, environment);
        return negative_errno();
}

pid_t launch_kernel(const char *path, char *const argv[], int output, const int *keep, size_t n_keep) {
        char *environment[4];
        int report[2], failure = 0;
        ssize_t n;
        pid_t pid;

        if (make_environment(environment) < 0)
                return -ENOMEM;
        if (pipe2(report, O_CLOEXEC) < 0) {
                free(environment[2]);
                return negative_errno();
        }

        pid = fork();
        if (pid == 0) {
                failure = become_kernel(path, argv, environment, output, keep, n_keep);
                (void) write_all(report[1], &failure, sizeof(failure));
                _exit(EXIT_FAILURE);
        }
        if (pid < 0)
                pid = negative_errno();
        free(environment[2]);
        safe_close(report[1]);

        if (pid > 0) {
                do
                        n = read(report[0], &failure, sizeof(failure));
                while (n < 0 && errno == EINTR);
                if (n == sizeof(failure)) {
                        (void) waitpid(pid, NULL, 0);
                        pid = failure;
                }
        }
        safe_close(report[0]);
        return pid;
}

/* Kills the direct children; the grandchildren become direct ones when their parents end. */
static void kill_children(void) {
        _cleanup_fclose_ FILE *f = NULL;
        char path[64];
        long pid;

        (void) snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long) getpid());
        f = fopen(path, "re");
        while (f && fscanf(f, "%ld", &pid) == 1)
                if (pid > 0)
                        (void) kill((pid_t) pid, SIGKILL);
}

int kill_all(pid_t kernel) {
        const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
        uint64_t end = now_usec() + KILL_TIMEOUT;
        sigset_t child;

        (void) sigemptyset(&child);
        (void) sigaddset(&child, SIGCHLD);

        /* UML has called setsid(): one call ends the kernel and every process of its guest together. */
        if (kernel > 0)
                (void) kill(-kernel, SIGKILL);

        for (;;) {
                pid_t pid;

                kill_children();
                while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                        ;
                if (pid < 0 && errno == ECHILD)
                        return 0;
                if (now_usec() > end)
                        return -EBUSY;
                (void) sigtimedwait(&child, NULL, &pause); /* SIGCHLD is blocked, so this awaits the next end */
        }
}
