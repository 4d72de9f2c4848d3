//! What the page holds of two known profiles.

use super::*;

fn page(base: &str, head: &str) -> String {
    let read = |text: &str| crate::profile::folded::read(text.as_bytes()).unwrap();
    let scale = Scale::cost;
    let notes = ["</script><script>alert(3)</script>".to_owned()];
    let of = FlameDiff {
        title: "a & <b> {{data}}",
        base_label: "before",
        head_label: "</script>",
        base: &read(base),
        head: &read(head),
        per_request: Some((scale(200.0), scale(100.0))),
        notes: &notes,
    };
    html(&of).unwrap()
}

fn data_of(page: &str) -> serde_json::Value {
    let data = page
        .split("<script type=\"application/json\" id=\"data\">")
        .nth(1)
        .unwrap();
    serde_json::from_str(data.split("</script>").next().unwrap()).unwrap()
}

/// Own shares of the head, and the letters of what follows of the own cost and of that with callees.
fn function(data: &serde_json::Value, name: &str) -> (f64, char, char) {
    let at = |list: &serde_json::Value, wanted: &dyn Fn(&serde_json::Value) -> bool| {
        list.as_array().unwrap().iter().position(wanted).unwrap()
    };
    let index = at(&data["names"], &|of| of == name);
    let functions = &data["functions"];
    let place = at(&functions["name"], &|of| of == index);
    let letter = |key: &str| {
        functions["share"][key]
            .as_str()
            .unwrap()
            .chars()
            .nth(place)
            .unwrap()
    };
    (
        functions["ho"][place].as_f64().unwrap(),
        letter("own_found"),
        letter("found"),
    )
}

/// One path's callee falls, the other's rises: each of them is a finding, and the function is none.
#[test]
fn a_function_is_judged_over_all_its_frames() {
    let data = data_of(&page(
        "m;a;copy 2000\nm;b;copy 1000\nm;x 7000",
        "m;a;copy 980\nm;b;copy 2040\nm;x 6980",
    ));
    assert_eq!(function(&data, "copy"), (0.302, 'n', 'n'));
    let copies = data["share"]["own_found"].as_str().unwrap();
    assert!(copies.contains('c'), "its frames have findings");
    assert_eq!(function(&data, "a").2, 'c');
}

#[test]
fn a_function_of_frames_that_are_left_out_is_told() {
    let spread = |each: usize| -> String {
        let lines = (0..1000).map(|at| format!("m;f{at:03};copy {each}\n"));
        lines.collect::<String>() + "m;wide 40000000\n"
    };
    let data = data_of(&page(&spread(1000), &spread(3000)));
    assert_eq!(data["depth"].as_array().unwrap().len(), 3, "all, m, wide");
    let (own, finding, _) = function(&data, "copy");
    assert!(own > 0.06 && finding == 'c', "{own} {finding}");
    // Names that nothing refers to do not travel.
    let names = data["names"].as_array().unwrap().len();
    assert!(names <= 2 * TOLD, "{names}");
}

#[test]
fn names_of_others_cannot_leave_their_place() {
    let hostile =
        "main;<script>alert(1)</script>;<!--<script> 900\n\"\\u003c/script>\u{2028};{{script}} 100";
    let page = page(hostile, hostile);
    // The page's own three: style is no script, data and code are.
    assert_eq!(page.matches("<script").count(), 2, "{page}");
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("alert(1)</") && !page.contains('\u{2028}'));
    assert!(page.contains("<title>a &amp; &lt;b&gt; {{data}}</title>"));
    let data = data_of(&page);
    let names: Vec<&str> = data["names"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    assert!(
        names.contains(&"<script>alert(1)</script>") && names.contains(&"{{script}}"),
        "{names:?}"
    );
    assert_eq!(data["head"]["label"], "</script>");
}

#[test]
fn the_page_needs_nothing_else() {
    let page = page("a 10", "b 10");
    for outside in [
        "http://",
        "https://",
        "src=",
        "href=",
        "@import",
        "url(",
        "innerHTML",
        "eval(",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn numbers_keep_seven_digits() {
    assert_eq!(
        [0.0, 1.0 / 3.0, -1234.56789, 1e-9 / 3.0].map(rounded),
        [0.0, 0.3333333, -1234.568, 3.333333e-10]
    );
}
