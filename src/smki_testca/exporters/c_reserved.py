"""Names that no user may give to files and tables in C, because others have them."""

from __future__ import annotations

import re

_KEYWORDS = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
    char32_t class compl concept const const_cast consteval constexpr constinit continue co_await
    co_return co_yield decltype default delete do double dynamic_cast else enum explicit export
    extern false float for friend goto if inline int long mutable namespace new noexcept not not_eq
    nullptr operator or or_eq private protected public register reinterpret_cast requires restrict
    return short signed sizeof static static_assert static_cast struct switch template this
    thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned using
    virtual void volatile while xor xor_eq
"""
"""Of C up to C23 and of C++ up to C++20 (their annexes A and their alternative tokens)."""
_HEADERS = """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign
    stdarg stdatomic stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath
    threads time uchar wchar wctype
    dirent dlfcn fcntl features grp io libgen malloc memory netdb poll pthread pwd regex sched
    search semaphore spawn strings syslog termios ucontext unistd utime windows
"""
"""Headers of C, and common ones of systems: a file of that name hides them from all that include
them, the compiler's own headers, too."""
_LIBRARY = """
    abort abs accept access acos asin atan atan2 atexit atof atoi atol atoll bind bsearch calloc
    ceil clearerr clock close connect cos cosh ctime difftime div environ exit exp fabs fclose feof
    ferror fflush fgetc fgetpos fgets floor fmod fopen fork fprintf fputc fputs fread free freopen
    frexp fscanf fseek fsetpos ftell fwrite getc getchar getenv gets gmtime index isalnum isalpha
    iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit j0 j1 jn kill labs
    ldexp ldiv link listen llabs lldiv localeconv localtime log log10 longjmp main mblen mbstowcs
    mbtowc memccpy memchr memcmp memcpy memmem memmove mempcpy memset mktime modf offsetof open
    perror pipe pow printf putc putchar puts qsort raise rand read realloc recv remove rename
    rewind rindex round scanf select send setbuf setlocale setvbuf sin sinh sleep snprintf socket
    sprintf sqrt srand sscanf stderr stdin stdout stpcpy stpncpy strcat strchr strcmp strcoll strcpy
    strcspn strdup strerror strftime strlen strlcat strlcpy strncat strncmp strncpy strndup strnlen
    strpbrk strrchr strsep strsignal strspn strstr strtod strtof strtok strtol strtold strtoll
    strtoul strtoull strxfrm swab system tan tanh tmpfile tmpnam tolower toupper trunc ungetc unlink
    vfprintf vprintf vsnprintf vsprintf wait wcstombs wctomb write y0 y1 yn
"""
"""The names that are linked into every program (C99 7.1.3): a table would take their place."""
_MACROS = "i386 linux unix"
"""The names that compilers define beside the standard."""
_FILES = """
    aux com1 com2 com3 com4 com5 com6 com7 com8 com9 con lpt1 lpt2 lpt3 lpt4 lpt5 lpt6 lpt7 lpt8
    lpt9 nul prn
"""
"""The names that Windows takes for devices, whatever their ending."""
_OURS = """
    smki_case smki_certificate smki_family smki_identity smki_importance smki_kind smki_octets
    smki_question smki_stage smki_verdict
"""
"""Types of the files themselves."""

_RESERVED = frozenset(f"{_KEYWORDS} {_HEADERS} {_LIBRARY} {_MACROS} {_FILES} {_OURS}".split())
_TYPE = re.compile(r".*_t\Z")
"""Such as ``size_t`` and ``uint8_t``; POSIX keeps all of them for itself."""


def is_reserved(name: str) -> bool:
    """Whether a name is that of something else in C, C++, their libraries or a file system.

    Args:
        name: in lower case.
    """
    return name in _RESERVED or _TYPE.match(name) is not None
