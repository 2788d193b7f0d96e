"""System-call numbers of the two machines the jail knows, and what a program may call.

The numbers are the kernel's interface: `arch/x86/entry/syscalls/syscall_64.tbl` and
`include/uapi/asm-generic/unistd.h` of Linux. They never change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """One machine's system-call interface.

    Args:
        name: As ``uname -m`` says it.
        audit: The kernel's ``AUDIT_ARCH_...`` value, which a filter sees.
        numbers: Name to number.
        foreign_bit: Numbers from here on belong to another interface of the same machine (x32).
    """

    name: str
    audit: int
    numbers: Mapping[str, int]
    foreign_bit: int | None = None


def _table(pairs: str) -> dict[str, int]:
    """``name number name number ...`` as a mapping."""
    words = pairs.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _names(words: str) -> frozenset[str]:
    """``name name ...`` as a set."""
    return frozenset(words.split())


# Calls added since Linux 5.0 have one number on all machines.
_COMMON = """
    pidfd_send_signal 424 io_uring_setup 425 io_uring_enter 426 io_uring_register 427
    open_tree 428 move_mount 429 fsopen 430 fsconfig 431 fsmount 432 fspick 433 pidfd_open 434
    clone3 435 close_range 436 openat2 437 pidfd_getfd 438 faccessat2 439 process_madvise 440
    mount_setattr 442 quotactl_fd 443 landlock_create_ruleset 444 landlock_add_rule 445
    landlock_restrict_self 446 memfd_secret 447 process_mrelease 448
"""

X86_64 = Architecture(
    name="x86_64",
    audit=0xC000003E,
    foreign_bit=0x40000000,
    numbers=_table(
        _COMMON
        + """
    read 0 write 1 open 2 close 3 stat 4 fstat 5 lstat 6 poll 7 lseek 8 mmap 9 mprotect 10
    munmap 11 brk 12 rt_sigaction 13 rt_sigprocmask 14 rt_sigreturn 15 ioctl 16 pread64 17
    readv 19 writev 20 access 21 select 23 sched_yield 24 mremap 25 madvise 28 dup 32 dup2 33
    pause 34 nanosleep 35 getitimer 36 alarm 37 setitimer 38 getpid 39 clone 56 exit 60 uname 63
    fcntl 72 getcwd 79 gettimeofday 96 getrlimit 97 getrusage 98 sysinfo 99 times 100
    ptrace 101 getuid 102 syslog 103 getgid 104 geteuid 107 getegid 108 getppid 110
    getresuid 118 getresgid 120 capset 126 rt_sigpending 127 rt_sigtimedwait 128
    rt_sigsuspend 130 sigaltstack 131 uselib 134 personality 135 vhangup 153 modify_ldt 154
    pivot_root 155 prctl 157 chroot 161 acct 163 settimeofday 164 mount 165 umount2 166
    swapon 167 swapoff 168 reboot 169 sethostname 170 setdomainname 171 iopl 172 ioperm 173
    init_module 175 delete_module 176 quotactl 179 nfsservctl 180 gettid 186 time 201 futex 202
    sched_getaffinity 204 lookup_dcookie 212 remap_file_pages 216 getdents64 217
    restart_syscall 219 clock_gettime 228 clock_getres 229 clock_nanosleep 230 exit_group 231
    tgkill 234 mbind 237 set_mempolicy 238 get_mempolicy 239 kexec_load 246 add_key 248
    request_key 249 keyctl 250 migrate_pages 256 openat 257 newfstatat 262 faccessat 269
    pselect6 270 ppoll 271 unshare 272 set_robust_list 273 move_pages 279 perf_event_open 298
    fanotify_init 300 prlimit64 302 name_to_handle_at 303 open_by_handle_at 304 setns 308
    getcpu 309 process_vm_readv 310 process_vm_writev 311 kcmp 312 finit_module 313 seccomp 317
    getrandom 318 kexec_file_load 320 bpf 321 userfaultfd 323 statx 332 rseq 334
    dup3 292 pipe2 293
"""
    ),
)

AARCH64 = Architecture(
    name="aarch64",
    audit=0xC00000B7,
    numbers=_table(
        _COMMON
        + """
    getcwd 17 lookup_dcookie 18 dup 23 dup3 24 fcntl 25 ioctl 29 umount2 39 mount 40
    pivot_root 41 nfsservctl 42 faccessat 48 chroot 51 openat 56 close 57 vhangup 58 quotactl 60
    getdents64 61 lseek 62 read 63 write 64 readv 65 writev 66 pread64 67 pselect6 72 ppoll 73
    newfstatat 79 fstat 80 acct 89 capset 91 personality 92 exit 93 exit_group 94 unshare 97
    futex 98 set_robust_list 99 nanosleep 101 getitimer 102 setitimer 103 kexec_load 104
    init_module 105 delete_module 106 clock_gettime 113 clock_getres 114 clock_nanosleep 115
    syslog 116 ptrace 117 sched_getaffinity 123 sched_yield 124 restart_syscall 128 tgkill 131
    sigaltstack 132 rt_sigsuspend 133 rt_sigaction 134 rt_sigprocmask 135 rt_sigpending 136
    rt_sigtimedwait 137 rt_sigreturn 139 reboot 142 getresuid 148 getresgid 150 times 153
    uname 160 sethostname 161 setdomainname 162 getrlimit 163 getrusage 165 prctl 167
    getcpu 168 gettimeofday 169 settimeofday 170 getpid 172 getppid 173 getuid 174 geteuid 175
    getgid 176 getegid 177 gettid 178 sysinfo 179 brk 214 munmap 215 mremap 216 add_key 217
    request_key 218 keyctl 219 clone 220 mmap 222 swapon 224 swapoff 225 mprotect 226
    madvise 233 remap_file_pages 234 mbind 235 get_mempolicy 236 set_mempolicy 237
    migrate_pages 238 move_pages 239 perf_event_open 241 prlimit64 261 fanotify_init 262
    name_to_handle_at 264 open_by_handle_at 265 setns 268 process_vm_readv 270
    process_vm_writev 271 kcmp 272 finit_module 273 seccomp 277 getrandom 278 bpf 280
    userfaultfd 282 statx 291 rseq 293 kexec_file_load 294 pipe2 59
"""
    ),
)

ARCHITECTURES = (X86_64, AARCH64)

# What Python needs to compute, to print and to import its own library; none of it reaches
# another process, a network or a file's content. Opening, mapping, threads and the like are
# allowed by their arguments (see the filter).
ALLOWED = _names(
    """
    access alarm brk clock_getres clock_gettime clock_nanosleep close dup dup2 dup3 exit exit_group
    faccessat faccessat2 fstat futex getcpu getcwd getdents64 getegid geteuid getgid getitimer
    getpid getppid getrandom getresgid getresuid getrlimit getrusage gettid gettimeofday getuid
    lseek lstat madvise mremap munmap nanosleep newfstatat pause poll ppoll pread64 pselect6
    read readv restart_syscall rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn
    rt_sigsuspend rt_sigtimedwait sched_getaffinity sched_yield select set_robust_list
    setitimer sigaltstack stat statx sysinfo time times uname write writev
    """
)

# Nothing a solution does by mistake: the kernel's large or rarely used interfaces and the ways
# into other processes. Calling one ends the program at once, as a security violation.
KILLED = _names(
    """
    acct add_key bpf chroot delete_module fanotify_init finit_module fsconfig fsmount fsopen
    fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm
    iopl kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind memfd_secret migrate_pages
    modify_ldt mount mount_setattr move_mount move_pages name_to_handle_at nfsservctl
    open_by_handle_at open_tree perf_event_open personality pidfd_getfd pidfd_open
    pidfd_send_signal pivot_root process_madvise process_mrelease process_vm_readv
    process_vm_writev ptrace quotactl quotactl_fd reboot remap_file_pages request_key seccomp
    set_mempolicy setdomainname sethostname setns settimeofday swapoff swapon syslog umount2
    unshare uselib userfaultfd vhangup
    """
)


def architecture_of(machine: str) -> Architecture | None:
    """The architecture that ``uname -m`` calls so; None if the jail does not know it."""
    return next((a for a in ARCHITECTURES if a.name == machine), None)
