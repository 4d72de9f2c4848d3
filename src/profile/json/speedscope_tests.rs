//! Files of speedscope, as tools write them and as they should not.

use crate::profile::Observed;
use crate::profile::tests::{reads, reads_named, refuses};

fn file(profiles: &str) -> String {
    format!(
        r#"{{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{{"frames":[{{"name":"a"}},{{"name":"b"}}]}},"profiles":[{profiles}]}}"#
    )
}

const SAMPLED: &str = r#"{"type":"sampled","name":"x","unit":"seconds","startValue":0,"endValue":3,"samples":[[0,1],[0]],"weights":[2,1]}"#;
const EVENTED: &str = r#"{"type":"evented","name":"y","unit":"none","startValue":5,"endValue":9,
    "events":[{"type":"O","frame":0,"at":5},{"type":"O","frame":1,"at":6},{"type":"C","frame":1,"at":9},{"type":"C","frame":0,"at":9}]}"#;

#[test]
fn samples_and_events_are_read() {
    reads(&file(SAMPLED), "a 1000000000\na;b 2000000000\n");
    reads(&file(EVENTED), "a 1\na;b 3\n");
}

#[test]
fn samples_that_stand_for_as_much_are_counted() {
    let read = |weights| {
        let text = file(&SAMPLED.replace("[2,1]", weights));
        let profile = crate::profile::read(text.as_bytes(), Default::default()).expect("reads");
        (profile.samples(), profile.observed())
    };
    assert_eq!(read("[0.01,0.01]"), (2, Observed::Samples));
    assert_eq!(read("[0.01,0.02]"), (2, Observed::Records));
}

#[test]
fn numbers_without_a_unit_may_be_fractions() {
    for (numbers, unit, expected) in [
        ("[1.5,1.5]", "tenths", "a 15\na;b 15\n"),
        ("[0.02,0.01]", "hundredths", "a 1\na;b 2\n"),
        ("[0.30000000000000004,2]", "tenths", "a 20\na;b 3\n"),
    ] {
        let fractions = SAMPLED.replace("seconds", "none").replace("[2,1]", numbers);
        reads(&file(&fractions), expected);
        let read = crate::profile::read(file(&fractions).as_bytes(), Default::default());
        let read = read.expect("reads");
        assert_eq!((read.samples(), read.unit()), (2, unit));
    }
    let evented = EVENTED.replace("\"at\":6", "\"at\":5.5");
    reads(&file(&evented), "a 5\na;b 35\n");
}

#[test]
fn numbers_without_a_unit_may_be_periods() {
    let periods = SAMPLED
        .replace("seconds", "none")
        .replace("[2,1]", "[20202020,10101010]");
    let notes = reads(&file(&periods), "a 10101010\na;b 20202020\n");
    assert_eq!(
        notes,
        ["its numbers are taken for multiples of 10,101,010, each one sample"]
    );
    let read = crate::profile::read(file(&periods).as_bytes(), Default::default());
    let read = read.expect("reads");
    assert_eq!((read.samples(), read.unit()), (3, "units"));
}

#[test]
fn profiles_of_one_unit_are_added_up_or_chosen() {
    let other = SAMPLED.replace("\"x\"", "\"z\"");
    let three = file(&[SAMPLED, EVENTED, &other].join(","));
    let all = reads(&three, "a 2000000000\na;b 4000000000\n");
    assert_eq!(
        all,
        [
            "shown are 2 profiles of the file together: x, z; there are also y, whose unit is another one; --profile NAME selects"
        ]
    );
    assert!(reads_named(&three, "z", "a 1000000000\na;b 2000000000\n").is_empty());
    reads_named(&three, "y", "a 1\na;b 3\n");
}

#[test]
fn events_count_from_the_first_of_them() {
    // As older versions of dotnet-trace write it.
    let quoted = EVENTED.replace("\"startValue\":5", "\"startValue\":\"5.25\"");
    assert_ne!(quoted, EVENTED);
    reads(&file(&quoted), "a 1\na;b 3\n");
    let late = EVENTED.replace("\"startValue\":5", "\"startValue\":8");
    reads(&file(&late), "a 1\na;b 3\n");
    let early = EVENTED.replace("\"at\":5", "\"at\":-5");
    reads(&file(&early), "a 11\na;b 3\n");
}

#[test]
fn frames_that_are_left_open_are_said() {
    let cut = EVENTED.replace(",{\"type\":\"C\",\"frame\":0,\"at\":9}", "");
    assert_ne!(cut, EVENTED);
    let notes = reads(&file(&cut), "a 1\na;b 3\n");
    assert!(
        notes[0].contains("its events end before every frame is closed"),
        "{notes:?}"
    );
}

#[test]
fn what_does_not_fit_together_is_named() {
    refuses(
        &file(&SAMPLED.replace("[0,1]", "[0,2]")),
        "a speedscope profile, but frame 2 is referred to, and it has 2 frames",
    );
    refuses(
        &file(&SAMPLED.replace("[2,1]", "[2]")),
        "it has 2 samples and 1 weights",
    );
    refuses(
        &file(&SAMPLED.replace("[2,1]", "[2,-1]")),
        "the weight -1 is negative",
    );
    refuses(
        &file(&SAMPLED.replace("seconds", "joules")),
        "its unit `joules` is unknown",
    );
    refuses(
        &file(&EVENTED.replace("\"frame\":1,\"at\":9", "\"frame\":0,\"at\":9")),
        "event 3 closes frame 0",
    );
    for earlier in ["66", "4"] {
        let event = if earlier == "66" {
            "event 3"
        } else {
            "event 2"
        };
        refuses(
            &file(&EVENTED.replace("\"at\":6", &format!("\"at\":{earlier}"))),
            &format!("{event} is before"),
        );
    }
    refuses(&file(""), "no samples");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn shares_are_those_of_the_weights(
        weights in proptest::collection::vec(0_u32..100_000, 2..60),
        digits in 0_usize..6,
        unit in proptest::sample::select(&["none", "bytes", "seconds"][..]),
    ) {
        let digits = if unit == "bytes" { 0 } else { digits };
        let number = |weight: &u32| format!("{:.digits$}", f64::from(*weight) / 10_f64.powi(digits as i32));
        let samples: Vec<&str> = (0..weights.len()).map(|at| if at % 2 == 0 { "[0,1]" } else { "[0]" }).collect();
        let numbers: Vec<String> = weights.iter().map(number).collect();
        let text = file(&format!(
            r#"{{"type":"sampled","unit":"{unit}","samples":[{}],"weights":[{}]}}"#,
            samples.join(","),
            numbers.join(",")
        ));
        let inner: u64 = weights.iter().step_by(2).map(|weight| u64::from(*weight)).sum();
        let all: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        proptest::prop_assume!(all > 0);
        let profile = crate::profile::read(text.as_bytes(), Default::default()).expect("reads");
        let of_inner = profile.stacks().filter(|stack| stack.frames.len() == 2);
        let of_inner: u64 = of_inner.map(|stack| stack.value).sum();
        let expected = inner as f64 / all as f64;
        let share = of_inner as f64 / profile.value() as f64;
        proptest::prop_assert!((share - expected).abs() < 1e-6, "{share} instead of {expected}");
    }
}
