//! Names as tools write them, and what they are called in every build and run.

use super::*;

#[track_caller]
fn check(name: &str, expected: &str) {
    assert_eq!(normalise(name), expected);
    assert_eq!(
        normalise(expected),
        expected,
        "a normalised name stays as it is"
    );
}

#[test]
fn names_of_two_builds_agree() {
    for (name, expected) in [
        // Rust, legacy mangling
        ("_ZN6bcrypt6bcrypt17h05af221e174051e9E", "bcrypt::bcrypt"),
        (
            "_ZN6bcrypt6bcrypt17h05af221e174051e9E.llvm.8429101741883345417",
            "bcrypt::bcrypt",
        ),
        (
            "_ZN4core3ptr13drop_in_place17h05af221e174051e9E.cold",
            "core::ptr::drop_in_place",
        ),
        (
            "_ZN4main3run28_$u7b$$u7b$closure$u7d$$u7d$17h05af221e174051e9E",
            "main::run::{{closure}}",
        ),
        ("bcrypt::bcrypt::h05af221e174051e9", "bcrypt::bcrypt"),
        (
            "bcrypt::hash::h05af221e174051e",
            "bcrypt::hash::h05af221e174051e",
        ),
        ("bcrypt::hash", "bcrypt::hash"),
        // jeprof, and a template's number
        ("keep<000000000000117c>", "keep"),
        ("keep<1234567890123456>", "keep<1234567890123456>"),
        // Rust, v0 mangling
        ("_RNvCs1234_7mycrate3foo", "mycrate::foo"),
        ("_RNCNvCs1234_7mycrate3foo0", "mycrate::foo::{{closure}}"),
        (
            "mycrate[1f2e3d4c5b6a7988]::foo::{closure#12}",
            "mycrate::foo::{{closure}}",
        ),
        (
            "<core[0123456789abcdef]::option::Option<u8>>::map",
            "<core::option::Option<u8>>::map",
        ),
        ("a::{closure#0}::{closure#1}", "a::{{closure}}::{{closure}}"),
        ("a::{impl#3}::f", "a::{{impl}}::f"),
        // Arrays and closures that are no numbers stay
        ("<[u8; 8] as Clone>::clone", "<[u8; 8] as Clone>::clone"),
        ("f::<[deadbeef; 2]>", "f::<[deadbeef; 2]>"),
        ("a::{{closure}}", "a::{{closure}}"),
        ("a::{closure#}", "a::{closure#}"),
        ("a::{", "a::{"),
    ] {
        check(name, expected);
    }
}

#[test]
fn numbers_of_link_time_optimisation_go() {
    for (name, expected) in [
        // Numbers of link-time optimisation
        (
            "_ZN6bcrypt6bcrypt17h05af221e174051e9E.26785",
            "bcrypt::bcrypt",
        ),
        (
            "_ZN6bcrypt6bcrypt17h05af221e174051e9E.llvm.842.26785.cold.1",
            "bcrypt::bcrypt",
        ),
        ("_RNvCs1234_7mycrate3foo.26785", "mycrate::foo"),
        (
            "auth::Authenticator::check::{{closure}}.26785",
            "auth::Authenticator::check::{{closure}}",
        ),
        ("auth::check::h05af221e174051e9.7.8", "auth::check"),
        ("counter.26785", "counter.26785"),
        // What looks like a symbol and is none
        ("RC4_test", "RC4_test"),
        ("ZN3foo3barE", "ZN3foo3barE"),
    ] {
        check(name, expected);
    }
}

#[test]
fn clones_of_c_are_one_function() {
    for (name, expected) in [
        // C and C++
        ("foo(int) [clone .part.0]", "foo(int)"),
        ("foo(int) [clone .isra.0.part.1] [clone .cold]", "foo(int)"),
        ("ns::foo(int) [clone .cold]", "ns::foo(int)"),
        ("foo(int) (.llvm.123)", "foo(int)"),
        ("foo(int) [clone .avx2]", "foo(int) [clone .avx2]"),
        ("foo(int) [clone ._omp_fn.0]", "foo(int) [clone ._omp_fn.0]"),
        ("foo (bar)", "foo (bar)"),
        ("x.__uniq.123456789012345678901", "x"),
        ("x.__uniq.123.llvm.456", "x"),
        ("foo.localalias", "foo"),
        ("foo.localalias.3", "foo"),
        ("main.localalias", "main.localalias"),
        ("memcpy", "memcpy"),
        ("handle.cold", "handle"),
        ("handle.cold.3", "handle"),
        ("handle.part.0.isra.7.constprop.2.cold", "handle"),
        ("handle.llvm.8A1F", "handle"),
        ("handle.lto_priv.0", "handle"),
        ("_ZN3foo3barEv", "_ZN3foo3barEv"),
        (
            "std::vector<int>::push_back(int&&)",
            "std::vector<int>::push_back(int&&)",
        ),
    ] {
        check(name, expected);
    }
}

#[test]
fn numbers_of_go_go() {
    for (name, expected) in [
        // Go
        ("main.main", "main.main"),
        ("main.cold", "main.cold"),
        ("example.com/a/b.cold", "example.com/a/b.cold"),
        ("runtime.memmove.abi0", "runtime.memmove"),
        ("main.Map[go.shape.int]", "main.Map"),
        (
            "main.Map[go.shape.map[string]int,go.shape.[]uint8].func1",
            "main.Map.func",
        ),
        ("slices.SortFunc[...]", "slices.SortFunc"),
        ("main.(*Server).Run.func2.1", "main.(*Server).Run.func"),
        ("main.serve.gowrap1", "main.serve.gowrap"),
        ("main.serve.func1.deferwrap2", "main.serve.func.deferwrap"),
        ("main.Keys[...].func1-range2", "main.Keys.func-range"),
        ("main.(*T).All-range3.func1", "main.(*T).All-range.func"),
        ("main.serve.gowrap", "main.serve.gowrap"),
        ("a-range1::b", "a-range1::b"),
        ("main.Map[int]", "main.Map[int]"),
        ("main.func1x", "main.func1x"),
        ("main.Map[go.shape.int", "main.Map[go.shape.int"),
    ] {
        check(name, expected);
    }
}

#[test]
fn anything_else_stays() {
    for (name, expected) in [
        // Anything else
        ("", ""),
        (".", "."),
        (".cold", ".cold"),
        ("libc.so.6+0x1234", "libc.so.6+0x1234"),
        ("функция.cold", "функция"),
    ] {
        check(name, expected);
    }
}

#[test]
fn large_hostile_names_take_linear_time() {
    for part in [
        "[",
        "{",
        "[go.shape.",
        "{closure#",
        ".func1.1",
        "-range",
        "[go.shape.]",
    ] {
        let name = part.repeat((1 << 20) / part.len());
        assert!(rewrite(&name, true).len() <= 2 * name.len());
        assert_eq!(normalise(&name), name, "beyond the length of any real name");
    }
    for part in [
        "[",
        ".cold",
        ".1",
        ".part.0",
        " [clone .cold]",
        "[go.shape.",
        "a::",
    ] {
        let name = "a::b".to_owned() + &part.repeat((LONGEST - 4) / part.len());
        for _ in 0..10 {
            assert!(normalise(&name).len() <= longest_of(&name));
        }
    }
}

#[test]
fn a_name_that_does_not_settle_stays_as_it_is() {
    // Each pass finds a suffix behind the one that the pass before it took.
    let mut name = "main.f".to_owned();
    for _ in 0..20 {
        name = name.replace(".f", ".fu[...]nc1.f");
    }
    check(&normalise(&name), &normalise(&name));
    let nested = (0..20).fold("..".to_owned(), |inner, _| format!("[.{inner}]"));
    let name = format!("main.f{}", nested.replace("[.", "[...[."));
    check(&normalise(&name), &normalise(&name));
}

#[test]
fn a_name_that_unfolds_to_megabytes_stays_as_it_is() {
    // Each tuple holds the one before it twice by reference: 2^k types from a few bytes each.
    let mut symbol = String::from("_RIC0");
    let mut previous = String::from("h");
    for _ in 0..40 {
        let at = symbol.len() - 2;
        symbol.push('T');
        symbol.push_str(&previous);
        symbol.push_str(&previous);
        symbol.push('E');
        previous = format!("B{}_", base_62(at));
    }
    symbol.push('E');
    let whole = format!("{:#}", rustc_demangle::demangle(&symbol));
    assert!(
        whole.len() > 100_000,
        "the symbol does unfold: {}",
        whole.len()
    );
    assert!(normalise(&symbol).len() <= 1024 + 8 * symbol.len());
}

/// The mangling's numbers: nothing is 0, and `_` alone; else the digits of n - 1.
fn base_62(n: usize) -> String {
    let Some(mut n) = n.checked_sub(1) else {
        return String::new();
    };
    let mut digits = Vec::new();
    loop {
        digits.push(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[n % 62]);
        n /= 62;
        if n == 0 {
            break;
        }
    }
    digits.reverse();
    String::from_utf8(digits).expect("digits are ASCII")
}
