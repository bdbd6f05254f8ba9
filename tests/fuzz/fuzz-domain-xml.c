/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A definition is refused with a message, or gives a unit in which every line is one of ours. */

#include "domain-xml.h"
#include "escape.h"
#include "fuzz.h"
#include "unit.h"

static unsigned errors;

static void on_report(void *userdata, Severity severity, unsigned line, unsigned column, const char *text) {
        MUST(line > 0 && column > 0);
        MUST(!strpbrk(text, "\n\r\x1b"));
        errors += severity == SEVERITY_ERROR;
}

static bool is_ours(const char *line) {
        static const char *const begins[] = {
                "", "# ", "[Unit]", "[Service]", "        \"", "        -- \\", "        --preserve \\", "SourcePath=/", "Description=", "RequiresMountsFor=\"/",
                "Restart=on-failure", "StartLimitIntervalSec=300", "StartLimitBurst=20", "TimeoutStartSec=", "ExecStart=", "Slice=", "User=",
                "Group=", "SELinuxContext=", "AppArmorProfile=", "Environment=\"TMPDIR=/", "RuntimeDirectoryPreserve=yes", "LimitCORE=infinity",
                "CoredumpFilter=", "TemporaryFileSystem=/:ro", "BindPaths=", "CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_NET_ADMIN CAP_NET_RAW", "DevicePolicy=closed", "ProtectKernelTunables=yes", "TemporaryFileSystem=/dev/shm:mode=1777,size=", "PrivateTmp=yes", "DeviceAllow=", "BindReadOnlyPaths=", "CPUWeight=", "CPUQuota=",
                "CPUQuotaPeriodSec=", "CPUAffinity=", "AllowedCPUs=", "CPUSchedulingPolicy=", "CPUSchedulingPriority=", "MemoryHigh=",
                "MemoryMax=", "MemoryMin=", "MemorySwapMax=", "IOWeight=", "IODeviceWeight=\"/", "IOReadBandwidthMax=\"/",
                "IOWriteBandwidthMax=\"/", "IOReadIOPSMax=\"/", "IOWriteIOPSMax=\"/", "NUMAPolicy=", "NUMAMask=", "AllowedMemoryNodes=",
        };

        for (size_t i = ELEMENTSOF(begins) - 1; i > 0; i--)
                if (after_prefix(line, begins[i]))
                        return true;
        return streq(line, begins[0]);
}

static void check_unit(const Domain *d) {
        char *text = NULL, *rest, *line;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        MUST(f);
        MUST(unit_write(f, d, "/etc/uml/x.xml", false) == 0);
        MUST(fclose(f) == 0);
        MUST(strlen(text) == size);
        for (rest = text; (line = strsep(&rest, "\n"));)
                MUST(is_ours(line));
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        Domain *d = NULL;
        int r;

        if (size > DEFINITION_SIZE_MAX)
                return 0;
        errors = 0;
        r = domain_read_xml((const char *) data, size, &(DomainContext) {.stem = "x"}, on_report, NULL, &d);
        MUST(r == 0 || (r == -EBADMSG && errors > 0) || r == -ENOMEM);
        MUST((r == 0) == (d && errors == 0));
        if (d)
                check_unit(d);
        domain_free(d);
        return 0;
}
