//! Folds frames that carry no news: a runtime's frames that follow each other become one frame in brackets.
//!
//! Functions are recognised by their normalised names. It must only fold what is plumbing by its very name: time in an
//! allocator, a formatter or a collection is a finding, and stays.

use super::{Error, Profile};

/// What becomes of frames that are plumbing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fold {
    /// They stay.
    #[default]
    Nothing,
    /// Those of tokio, hyper, futures, tower, axum, the standard library's start of threads, and Go's runtime are folded.
    Plumbing,
}

/// Beginnings of names and what they are folded to. The longest that fits decides.
const PLUMBING: &[(&str, &str)] = &[
    ("tokio::", "[tokio]"),
    ("tokio_util::", "[tokio]"),
    ("tokio_rustls::", "[tokio]"),
    ("mio::", "[tokio]"),
    ("hyper::", "[hyper]"),
    ("hyper_util::", "[hyper]"),
    ("h2::", "[hyper]"),
    ("futures::", "[futures]"),
    ("futures_util::", "[futures]"),
    ("futures_core::", "[futures]"),
    ("futures_channel::", "[futures]"),
    ("async_compat::", "[futures]"),
    ("core::future::", "[futures]"),
    ("core::pin::", "[futures]"),
    ("tower::", "[tower]"),
    ("tower_service::", "[tower]"),
    ("tower_layer::", "[tower]"),
    ("tower_http::", "[tower]"),
    ("axum::", "[axum]"),
    ("axum_core::", "[axum]"),
    ("core::ops::function::", "[std]"),
    ("core::panic::", "[std]"),
    ("std::panic", "[std]"),
    ("std::rt::", "[std]"),
    ("std::thread::", "[std]"),
    ("std::sys::backtrace::", "[std]"),
    ("std::sys_common::backtrace::", "[std]"),
    ("std::sys::thread", "[std]"),
    ("std::sys::pal::unix::thread", "[std]"),
    ("std::sys::unix::thread", "[std]"),
    ("__rust_try", "[std]"),
    ("__rust_begin_short_backtrace", "[std]"),
    ("alloc::boxed::Box<dyn core::ops::function", "[std]"),
    ("runtime.", "[Go runtime]"),
    ("runtime/internal/", "[Go runtime]"),
    ("internal/runtime/", "[Go runtime]"),
    ("runtime.gc", "[Go gc]"),
    ("runtime.bgsweep", "[Go gc]"),
    ("runtime.bgscavenge", "[Go gc]"),
    ("runtime.scanobject", "[Go gc]"),
    ("runtime.greyobject", "[Go gc]"),
    ("runtime.schedule", "[Go scheduler]"),
    ("runtime.findRunnable", "[Go scheduler]"),
    ("runtime.findrunnable", "[Go scheduler]"),
    ("runtime.mcall", "[Go scheduler]"),
    ("runtime.park_m", "[Go scheduler]"),
    ("runtime.goexit", "[Go scheduler]"),
    ("runtime.netpoll", "[Go scheduler]"),
    ("net/http.(*conn).", "[net/http]"),
    ("net/http.serverHandler.", "[net/http]"),
    ("net/http.HandlerFunc.", "[net/http]"),
    ("net/http.(*ServeMux).", "[net/http]"),
];

/// Traits of which a box hands calls on to what is in it, and to what that is folded.
const BOXED: &[(&str, &str)] = &[
    ("> as core::future::", "[futures]"),
    ("> as core::ops::function::", "[std]"),
];

/// Go functions that begin like plumbing and are the program's own work: allocation, maps, hashes, strings and copies.
const NEWS: &[&str] = &[
    "runtime.malloc",
    "runtime.newobject",
    "runtime.newarray",
    "runtime.makeslice",
    "runtime.growslice",
    "runtime.nextslicecap",
    "runtime.nextFreeFast",
    "runtime.heapSetType",
    "runtime.(*mcache).",
    "runtime.(*mcentral).",
    "runtime.(*mheap).alloc",
    "runtime.makechan",
    "runtime.makemap",
    "runtime.convT",
    "runtime.map",
    "runtime.(*hmap).",
    "runtime.(*bmap).",
    "runtime.evacuate",
    "runtime.hashGrow",
    "runtime.growWork",
    "internal/runtime/maps.",
    "runtime.memhash",
    "runtime.strhash",
    "runtime.aeshash",
    "runtime.typehash",
    "runtime.interhash",
    "runtime.nilinterhash",
    "runtime.memmove",
    "runtime.memclr",
    "runtime.memequal",
    "runtime.duffcopy",
    "runtime.duffzero",
    "runtime.strequal",
    "runtime.cmpstring",
    "runtime.concatstring",
    "runtime.concatbyte",
    "runtime.intstring",
    "runtime.rawstring",
    "runtime.rawbyteslice",
    "runtime.slicebytetostring",
    "runtime.slicerunetostring",
    "runtime.stringtoslice",
];

/// The profile with its plumbing folded, or as it is.
///
/// # Errors
/// Those of [`Profile::add`]; folding never makes a profile larger, so none for one that was read.
pub fn fold(profile: Profile, how: Fold) -> Result<Profile, Error> {
    match how {
        Fold::Nothing => Ok(profile),
        Fold::Plumbing => profile.renamed(|name| plumbing(name).map(str::to_owned)),
    }
}

/// What a normalised name is folded to; `None` if it stays.
fn plumbing(name: &str) -> Option<&'static str> {
    // `<tokio::runtime::task::Core<T, S> as Trait>::poll` belongs to the type.
    let name = name
        .trim_start_matches(['<', '&'])
        .trim_start_matches("dyn ");
    if NEWS.iter().any(|news| name.starts_with(news)) {
        return None;
    }
    if name.starts_with("alloc::boxed::Box<")
        && let Some((_, to)) = BOXED.iter().find(|(of, _)| name.contains(of))
    {
        return Some(to);
    }
    let fits = PLUMBING.iter().filter(|(start, _)| name.starts_with(start));
    fits.max_by_key(|(start, _)| start.len()).map(|(_, to)| *to)
}

#[cfg(test)]
mod tests {
    use super::super::folded;
    use super::*;

    #[track_caller]
    fn check(given: &str, expected: &str) {
        let profile = folded::read(given.as_bytes()).expect("reads");
        let folded = fold(profile, Fold::Plumbing).expect("folds");
        let mut written = Vec::new();
        folded::write(&folded, &mut written).expect("writes to memory");
        assert_eq!(String::from_utf8_lossy(&written), expected);
    }

    #[test]
    fn neighbours_become_one_frame_and_work_stays() {
        check(
            "std::rt::lang_start;main;tokio::runtime::a;<tokio::park::B as X>::c;app::handle;bcrypt::hash 5",
            "[std];main;[tokio];app::handle;bcrypt::hash 5\n",
        );
        check(
            "a;tokio::x 2\na;tokio::y 3\na;my_tokio::x 1",
            "a;[tokio] 5\na;my_tokio::x 1\n",
        );
        check(
            "runtime.mcall;runtime.park_m;runtime.schedule 2\nmain.main;runtime.mallocgc;runtime.gcStart 1\nmain.main;runtime.memmove 4\nmain.f;main.f 1",
            "[Go scheduler] 2\nmain.f;main.f 1\nmain.main;runtime.mallocgc;[Go gc] 1\nmain.main;runtime.memmove 4\n",
        );
    }

    #[test]
    fn allocation_formatting_and_collections_stay() {
        for name in [
            "internal/runtime/maps.(*Map).getWithKeySmall",
            "runtime.mapassign_faststr",
            "runtime.evacuate_faststr",
            "runtime.memhash64",
            "runtime.aeshashbody",
            "runtime.mallocgcSmallScanNoHeader",
            "runtime.newobject",
            "runtime.growslice",
            "runtime.convTstring",
            "fmt.Fprintf",
            "alloc::raw_vec::finish_grow",
            "alloc::fmt::format::format_inner",
            "<alloc::boxed::Box<T> as core::clone::Clone>::clone",
            "hashbrown::map::HashMap<K,V,S,A>::insert",
            "<app::Fetch as core::future::future::Future>::poll",
        ] {
            check(&format!("m;{name} 1"), &format!("m;{name} 1\n"));
        }
    }

    #[test]
    fn boxes_of_futures_do_not_part_their_neighbours() {
        check(
            "m;<futures_util::future::Map<Fut,F> as core::future::future::Future>::poll;\
             <alloc::boxed::Box<F,A> as core::future::future::Future>::poll;\
             <core::pin::Pin<P> as core::future::future::Future>::poll;app::handle 3",
            "m;[futures];app::handle 3\n",
        );
        check(
            "std::thread::start;<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::call_once;std::rt::run;app::f 3",
            "[std];app::f 3\n",
        );
    }

    #[test]
    fn slices_survive() {
        let mut profile = Profile::new("samples", "count", 0);
        for (slice, text) in ["a;tokio::x 2\na;tokio::y 3", "a;tokio::x 1"]
            .iter()
            .enumerate()
        {
            let of = folded::read(text.as_bytes()).expect("reads");
            profile.merge_slice(&of, slice).expect("merges");
        }
        let folded = fold(profile, Fold::Plumbing).expect("folds");
        assert_eq!(folded.slices(), [5, 1]);
        assert_eq!((folded.samples(), folded.value()), (6, 6));
    }
}
