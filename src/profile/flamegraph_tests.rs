//! What pictures of known profiles show.

use super::*;

fn profile(stacks: &[(&[&str], u64)]) -> Profile {
    let mut profile = Profile::new("cpu", "nanoseconds", 10);
    for (frames, samples) in stacks {
        profile
            .add(frames.iter().copied(), *samples, *samples * 10)
            .expect("small");
    }
    profile
}

/// The tooltips of a graph in the order in which they are drawn.
fn tooltips(svg: &str) -> Vec<&str> {
    let titles = svg.split("<title>").skip(1);
    titles
        .filter_map(|rest| rest.split("</title>").next())
        .collect()
}

#[track_caller]
fn check(stacks: &[(&[&str], u64)], us_per_request: Option<f64>, expected: &[&str]) {
    let svg = svg(&profile(stacks), "t", "s", us_per_request).expect("draws");
    let mut tips = tooltips(&svg);
    tips.sort_unstable();
    assert_eq!(tips, expected);
}

#[test]
fn frames_are_samples_or_cost_per_request() {
    check(
        &[(&["main", "f"], 3), (&["main"], 1)],
        None,
        &[
            "all (4 samples, 100%)",
            "f (3 samples, 75.00%)",
            "main (4 samples, 100.00%)",
        ],
    );
    check(
        &[(&["main", "f"], 3), (&["main"], 1)],
        Some(1.5),
        &[
            "all (1,500 ns CPU per request, 100%)",
            "f (1,125 ns CPU per request, 75.00%)",
            "main (1,500 ns CPU per request, 100.00%)",
        ],
    );
}

#[test]
fn a_frame_is_drawn_once_whatever_its_neighbours_are_called() {
    let stacks: &[(&[&str], u64)] = &[
        (&["m", "f"], 1),
        (&["m", "f", "x"], 2),
        (&["m", "f (1)"], 3),
        (&["m", "f::g"], 4),
    ];
    check(
        stacks,
        None,
        &[
            "all (10 samples, 100%)",
            "f (1) (3 samples, 30.00%)",
            "f (3 samples, 30.00%)",
            "f::g (4 samples, 40.00%)",
            "m (10 samples, 100.00%)",
            "x (2 samples, 20.00%)",
        ],
    );
}

#[test]
fn names_cannot_break_the_file() {
    check(
        &[
            (
                &[
                    "# m",
                    "<script>alert(1)</script>",
                    "a;b\n\u{0}",
                    "lambda 12",
                ],
                2,
            ),
            (&["]]>", " "], 2),
        ],
        None,
        &[
            "#\u{a0}m (2 samples, 50.00%)",
            "&lt;script&gt;alert(1)&lt;/script&gt; (2 samples, 50.00%)",
            "[unknown] (2 samples, 50.00%)",
            "]]&gt; (2 samples, 50.00%)",
            "a:b__ (2 samples, 50.00%)",
            "all (4 samples, 100%)",
            "lambda\u{a0}12 (2 samples, 50.00%)",
        ],
    );
}

/// Hundreds of stacks of thousands of frames that have nothing in common and are each wide enough to be drawn.
#[test]
fn deep_and_narrow_profiles_give_small_pictures() {
    let mut profile = Profile::new("samples", "count", 0);
    let deep = vec!["abcdefghijkl"; 3_990];
    for at in 0..300 {
        let root = format!("root{at}");
        let frames = std::iter::once(root.as_str()).chain(deep.iter().copied());
        profile.add(frames, 8, 8).expect("within limits");
    }
    profile
        .add(["main", "hot"], 2_400, 2_400)
        .expect("within limits");
    let pair = Pair {
        base: &profile,
        head: &profile,
        us_per_request: None,
    };
    for (svg, said) in [
        (
            svg(&profile, "t", "s", None).expect("draws"),
            "s · 1197300 frames narrower than 0.32 % are left out",
        ),
        (
            diff_svg(pair, "t", "").expect("draws"),
            "1197300 frames on both sides narrower than 0.32 % are left out",
        ),
    ] {
        assert!(svg.len() < 1 << 20, "{} bytes", svg.len());
        assert!(svg.contains(said), "{}", &svg[..4096]);
        let tips = tooltips(&svg);
        assert_eq!(tips.len(), 4, "{tips:?}");
        assert!(
            tips.iter()
                .any(|tip| tip.starts_with("[frames left out] (") && tip.contains("50.00%")),
            "{tips:?}"
        );
    }
}

#[test]
fn what_is_left_out_stays_in_the_width_of_its_caller() {
    let stacks: &[(&[&str], u64)] = &[
        (&["m", "f", "narrow"], 1),
        (&["m", "f"], 4_999),
        (&["m", "g"], 5_000),
    ];
    let svg = svg(&profile(stacks), "t", "", None).expect("draws");
    assert!(!svg.contains("left out"));
    let stacks: &[(&[&str], u64)] = &[
        (&["m", "f", "narrow"], 1),
        (&["m", "f"], 9_999),
        (&["m", "g"], 10_000),
    ];
    let svg = super::svg(&profile(stacks), "t", "", None).expect("draws");
    assert!(svg.contains("1 frame narrower than 0.01 % is left out"));
    assert!(tooltips(&svg).contains(&"f (10,000 samples, 50.00%)"));
}

#[test]
fn a_long_name_is_shown_in_part() {
    let long = "é".repeat(30 << 10);
    let svg = svg(&profile(&[(&["m", &long], 1)]), "t", "", None).expect("draws");
    assert!(svg.len() < 48 << 10, "{} bytes", svg.len());
    assert!(svg.contains("é…é"));
}

#[test]
fn title_and_subtitle_are_shown_and_escaped() {
    let profile = profile(&[(&["m"], 1)]);
    let svg = svg(&profile, "before & <after>\u{1}", "32 devices", None).expect("draws");
    assert!(svg.contains("before &amp; &lt;after&gt;\u{fffd}"));
    assert!(svg.contains("32 devices"));
    assert!(svg.trim_end().ends_with("</svg>"));
}

#[test]
fn names_order_nothing_and_hide_nothing() {
    let names = [
        "##vso[task.complete]x",
        "a ##[error]b",
        "turned\u{202e}\u{2066}",
        "hidden\u{200b}\u{ad}\u{feff}\u{e0041}",
        "no xml\u{fffe}\u{7}\u{9b}31m",
    ];
    let svg = svg(&profile(&[(&names, 1)]), "##vso[t]", "\u{202e}", None).expect("draws");
    for hidden in [
        "##vso",
        "##[",
        "\u{202e}",
        "\u{200b}",
        "\u{e0041}",
        "\u{fffe}",
        "\u{9b}",
    ] {
        assert!(!svg.contains(hidden), "{hidden:?}");
    }
    for shown in ["#\u{fffd}vso[task.complete]x", "turned\u{fffd}\u{fffd}"] {
        assert!(svg.contains(shown), "{shown:?}");
    }
}

#[test]
fn the_largest_counts_are_drawn() {
    let half = u64::MAX / 2;
    let mut profile = Profile::new("samples", "count", 0);
    profile.add(["m", "f"], half, half).expect("fits");
    profile.add(["m", "g"], half + 1, half + 1).expect("fits");
    for cost in [None, Some(1e12)] {
        svg(&profile, "t", "", cost).expect("draws");
    }
}

#[test]
fn equal_profiles_give_equal_bytes() {
    let stacks: &[(&[&str], u64)] = &[(&["m", "f"], 1), (&["m", "g"], 2), (&["n"], 3)];
    let reversed: Vec<_> = stacks.iter().rev().copied().collect();
    let draw = |stacks: &[_]| svg(&profile(stacks), "t", "", None).expect("draws");
    assert_eq!(draw(stacks), draw(&reversed));
}

#[test]
fn values_are_drawn_where_they_are_no_cpu_time() {
    let mut heap = Profile::new("inuse_space", "bytes", 0);
    heap.add(["m"], 1, 4096).expect("small");
    let svg = svg(&heap, "t", "", None).expect("draws");
    assert_eq!(
        tooltips(&svg),
        ["all (4,096 bytes, 100%)", "m (4,096 bytes, 100.00%)"]
    );
}

/// 3,010 samples before and 3,000 after: truncating per stack would lose the stacks of one sample.
#[test]
fn a_differential_graph_shows_changes_of_cost_and_not_of_counts() {
    let many = |n: u64| -> Profile {
        let mut profile = Profile::new("cpu", "nanoseconds", 10);
        profile.add(["m", "wide"], n, n * 10).expect("small");
        for leaf in ["a", "b", "c"] {
            profile.add(["m", leaf], 1, 10).expect("small");
        }
        profile
    };
    let (base, head) = (many(3_007), many(2_997));
    let draw = |us_per_request| {
        let pair = Pair {
            base: &base,
            head: &head,
            us_per_request,
        };
        diff_svg(pair, "t", "s").expect("draws")
    };
    let svg = draw(Some((3_010.0, 3_000.0)));
    let mut tips = tooltips(&svg);
    tips.sort_unstable();
    assert_eq!(tips[0], "a (1,000 ns CPU per request, 0.03%; 0.00%)");
    assert!(
        tips.iter()
            .any(|tip| tip.starts_with("all (3,000,000 ns CPU per request")),
        "{tips:?}"
    );
    assert!(draw(None).contains("ppm of the profile"));
    let pair = Pair {
        base: &profile(&[]),
        head: &head,
        us_per_request: None,
    };
    assert!(matches!(diff_svg(pair, "t", ""), Err(Error::Empty)));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    assert!(matches!(
        svg(&profile(&[]), "t", "", None),
        Err(Error::Empty)
    ));
    for cost in [0.0, -1.0, 1e-9, f64::NAN, f64::INFINITY] {
        assert!(matches!(
            svg(&profile(&[(&["m"], 1)]), "t", "", Some(cost)),
            Err(Error::Cost(_))
        ));
    }
}
