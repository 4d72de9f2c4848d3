//! First bytes of files that are no text and no profile that is read: what they are, and the way out.

use super::dotnet::CONVERT;
use super::reports::{ANDROID, COLLAPSED, GPROF, NYTPROF, STACKPROF, UFTRACE, WITH_PERF};

pub(super) const PICTURED: &str = "give the profile that it was drawn of";
pub(super) const UNPACK: &str = "unpack it first";
pub(super) const LZ4: &[u8] = b"\x04\x22\x4d\x18";
pub(super) const MEMRAY: &str = "convert it with `memray transform speedscope FILE`";
const PICKLED: &str = "what Python has pickled, such as a snapshot of tracemalloc";
const PYTHON: &str = "it has no stacks; record with `py-spy record -f raw`";

/// First bytes of files that are no text: what they are, and the way out.
pub(super) const MAGIC: [(&[u8], &str, &str); 46] = [
    (
        b"PERFILE2",
        "a recording of perf (perf.data)",
        "run `perf script -i FILE` and give its output",
    ),
    (
        b"QPERFSTREAM",
        "what hotspot saves of a recording of perf",
        "run `perf script -i perf.data` on the recording and give its output",
    ),
    (
        b"FLR\0",
        "a recording of Java's Flight Recorder (JFR)",
        "convert it with async-profiler's `jfrconv -o collapsed FILE OUT` or `jfrconv -o pprof FILE OUT`",
    ),
    (b"Nettrace", "a trace of .NET (nettrace)", CONVERT),
    (
        b"JAVA PROFILE 1.0",
        "a heap dump of Java (hprof)",
        "it has no samples; record with async-profiler's `asprof -e cpu -o collapsed`",
    ),
    (
        b"SIMPLEPERF",
        "a recording of simpleperf",
        "give the output of `report_sample.py -i FILE`",
    ),
    (b"gmon", "a profile of gprof (gmon.out)", GPROF),
    (b"memray", "a recording of memray", MEMRAY),
    (
        b"SQLite format 3\0",
        "a database of SQLite",
        "export a profile with the program that wrote it",
    ),
    (
        b"PAR1",
        "a table of Parquet",
        "export a profile from the store that wrote it, as pprof",
    ),
    (
        b"\x04\x08{",
        "what Ruby has marshalled, such as a dump of stackprof",
        STACKPROF,
    ),
    (b"NYTProf", "a recording of Perl's Devel::NYTProf", NYTPROF),
    (b"Ftrace!\0", "a recording of uftrace", UFTRACE),
    (b"\x5e\x97\xca\xfd", "a recording of Sysprof", WITH_PERF),
    (
        b"\x17\x08\x44tracing",
        "a recording of trace-cmd",
        WITH_PERF,
    ),
    (b"\xc1\x1f\xfc\xc1", "a trace of LTTng", WITH_PERF),
    (
        b"MOJ",
        "a recording of austin (MOJO)",
        "convert it with `mojo2austin FILE OUT`, and that with `austin2speedscope`",
    ),
    (b"SLOW", "a trace of Android's runtime", ANDROID),
    (
        b"\x28\xb5\x2f\xfd",
        "a file packed by zstd in several others",
        UNPACK,
    ),
    (b"\xfd7zXZ\0", "a file packed by xz", UNPACK),
    (b"\x1f\x8b", "a gzip file in several others", UNPACK),
    (b"BZh", "a file packed by bzip2", UNPACK),
    (b"PK\x03\x04", "a zip file", UNPACK),
    (LZ4, "a file packed by lz4", UNPACK),
    (
        b"\x7fELF",
        "a program or library (ELF)",
        "record a profile of it while it runs",
    ),
    (
        b"\xcf\xfa\xed\xfe",
        "a program or library (Mach-O)",
        "record a profile of it while it runs",
    ),
    (
        b"MZ",
        "a program or library of Windows",
        "record a profile of it while it runs",
    ),
    (b"%PDF", "a PDF document", PICTURED),
    (b"\x89PNG", "a picture (PNG)", PICTURED),
    (b"\xff\xd8\xff", "a picture (JPEG)", PICTURED),
    (b"GIF8", "a picture (GIF)", PICTURED),
    (b"\xff\xfe", "text in UTF-16", "convert it to UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "convert it to UTF-8"),
    (
        b"\xca\xfe\xba\xbe",
        "a class of Java",
        "record a profile of it while it runs",
    ),
    (
        b"--- symbol\nbinary=",
        "what `google-pprof --raw` prints",
        COLLAPSED,
    ),
    (
        b"nBpRoFiLeR",
        "a snapshot of VisualVM",
        "record with async-profiler's `asprof -e cpu -o collapsed`",
    ),
    (
        b"hdrb",
        "an event log of GHC",
        "convert it with `hs-speedscope FILE`",
    ),
    (b"tr\xfdP", "a trace of Tracy", WITH_PERF),
    (b"\x80\x02", PICKLED, PYTHON),
    (b"\x80\x03", PICKLED, PYTHON),
    (b"\x80\x04\x95", PICKLED, PYTHON),
    (b"\x80\x05\x95", PICKLED, PYTHON),
    (b"{(\x03\0", "a profile of Python's cProfile", PYTHON),
    (b"{)\x03", "a profile of Python's cProfile", PYTHON),
    (b"\xfb)\x03", "a profile of Python's cProfile", PYTHON),
    (b"\xfb\xa9\x03", "a profile of Python's cProfile", PYTHON),
];
