//! Held against serde_json: what is found is what its tree has, and what is no JSON for one is none for the other.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value as Tree;

use super::*;

/// What the tree of a document has, or `None` if it is not JSON, must be what is found in its bytes.
fn check(pointers: &mut Pointers, wanted: &[String], document: &[u8]) {
    let said = String::from_utf8_lossy(document);
    let tree: Option<Tree> = serde_json::from_slice(document).ok();
    let found = pointers.find(document).ok();
    assert_eq!(tree.is_some(), found.is_some(), "{said}");
    let (Some(tree), Some(found)) = (tree, found) else {
        return;
    };
    let mut scratch = Vec::new();
    for (nth, pointer) in wanted.iter().enumerate() {
        let (expected, value) = (tree.pointer(pointer), found.get(nth));
        assert_eq!(expected.is_some(), value.is_some(), "{pointer} of {said}");
        if let (Some(expected), Some(value)) = (expected, value) {
            assert!(value.is(expected), "{pointer} of {said}");
            let text = value.text(&mut scratch);
            assert_eq!(
                text.map(<[u8]>::to_vec),
                written(expected),
                "{pointer} of {said}"
            );
        }
    }
}

fn check_all(wanted: &[&str], documents: &[&[u8]]) {
    let wanted: Vec<String> = wanted.iter().map(|&pointer| pointer.to_owned()).collect();
    let mut pointers = Pointers::new(wanted.iter().map(|pointer| &**pointer));
    for document in documents {
        check(&mut pointers, &wanted, document);
    }
}

fn written(value: &Tree) -> Option<Vec<u8>> {
    match value {
        Tree::String(text) => Some(text.clone().into_bytes()),
        Tree::Number(_) | Tree::Bool(_) => Some(value.to_string().into_bytes()),
        _ => None,
    }
}

fn is_same(expected: &Tree, found: &Tree) -> bool {
    match (expected, found) {
        (Tree::Number(expected), Tree::Number(found)) => {
            expected == found || expected.as_f64() == found.as_f64()
        }
        (Tree::Array(expected), Tree::Array(found)) => {
            let mut pairs = expected.iter().zip(found);
            expected.len() == found.len() && pairs.all(|(a, b)| is_same(a, b))
        }
        (Tree::Object(expected), Tree::Object(found)) => {
            let is_met = |(key, value)| found.get(key).is_some_and(|it| is_same(value, it));
            expected.len() == found.len() && expected.iter().all(is_met)
        }
        _ => expected == found,
    }
}

#[test]
fn the_last_member_of_a_key_counts_with_all_that_is_in_it() {
    check_all(
        &["/a/b", "/a", "/a/c/0"],
        &[
            br#"{"a":{"b":1,"c":[2]},"a":{"b":3}}"#,
            br#"{"a":{"b":1,"b":2},"a":null}"#,
            br#"{"\u0061":{"b":1},"a":{"c":[1],"c":[]}}"#,
            br#"{"x":{"a":{"b":1}}}"#,
        ],
    );
}

#[test]
fn keys_and_indices_are_those_of_the_standard() {
    check_all(
        &[
            "",
            "/",
            "/0",
            "/00",
            "/+0",
            "/-",
            "/1/0",
            "/a~1b",
            "/~0",
            "/~01",
            "/é",
            "/99999999999999999999",
            "//",
        ],
        &[
            br#"{"":{"":1},"0":2,"00":3,"+0":4,"-":5,"a/b":6,"~":7,"~1":8,"\u00e9":9}"#,
            br#"{"a\/b":1,"\u007E":2,"~\u0031":3,"\u00E9":[4]}"#,
            b"[0,[1,2],3]",
            b" [ ] ",
            b"17",
        ],
    );
}

#[test]
fn numbers_and_nesting_have_the_limits_of_serde_json() {
    let nested = |levels: usize| [b"[".repeat(levels), b"]".repeat(levels)].concat();
    let objects = |levels| {
        [
            b"{\"a\":".repeat(levels),
            b"1".to_vec(),
            b"}".repeat(levels),
        ]
    };
    let mut documents = vec![nested(126), nested(127), nested(128), b"[".repeat(100_000)];
    documents.extend([126, 127, 128].map(|levels| objects(levels).concat()));
    // Levels that were left count no more.
    documents.push(format!("[{}[]]", "[],{},".repeat(200)).into_bytes());
    documents.extend([299, 300, 308, 309, 310].map(|digits| b"9".repeat(digits)));
    let numbers = [
        "1e308",
        "1e309",
        "-1e309",
        "0e999999999999",
        "1e-999999999999",
        "1e99999999999",
        "01",
        "-",
        "-0",
        "0.",
        ".5",
        "1.e1",
        "1e",
        "1e+",
        "+1",
        "18446744073709551616",
        "0.1e1",
        "1x",
    ];
    documents.extend(numbers.map(|number| number.as_bytes().to_vec()));
    let documents: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
    check_all(&["", "/0", "/a/a"], &documents);
}

#[test]
fn strings_are_those_of_serde_json() {
    let strings = [
        r"\ud800\udc00",
        r"\udbff\uDFFF",
        r"\ud7ff\ue000",
        r"\ud800",
        r"\udc00",
        r"\ud800\ud800",
        r"\ud800\udbff",
        r"\ud800\ue000",
        r"\ud800\uffff",
        r"\ud800\u0061",
        r"\ud800\n",
        r"\ud800x",
        r"\u00",
        r"\u00g0",
        r"\u+0ff",
        r"\u 0ff",
        r"\U0061",
        r"\0",
        r"\'",
        r"\",
        r"\\",
        r#"\""#,
        "\t",
        "\u{0}",
        "\u{7f}",
        "\u{ffff}",
        r"\u0000",
    ];
    let mut documents: Vec<Vec<u8>> = Vec::new();
    for string in strings {
        documents.push(format!("\"{string}\"").into_bytes());
        documents.push(format!("{{\"{string}\":1,\"a\":2}}").into_bytes());
        documents.push(format!("\"{string}").into_bytes());
    }
    // No UTF-8: a byte that begins nothing, a surrogate, too long a form, a cut one.
    for bytes in [&b"\xff"[..], b"\xed\xa0\x80", b"\xc0\x80", b"\xc3"] {
        documents.push([b"\"", bytes, b"\""].concat());
        documents.push([b"{\"", bytes, b"\":1}"].concat());
        documents.push([b"1 ", bytes].concat());
    }
    documents.push("\u{feff}1".into());
    let documents: Vec<&[u8]> = documents.iter().map(Vec::as_slice).collect();
    check_all(&["", "/a"], &documents);
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "a", "b", "\\u0061", "0", "1", "01", "a/b", "a\\/b", "~", "", "é", "\\u00E9",
    ])
}

fn document() -> impl Strategy<Value = String> {
    let blank = || prop::sample::select(vec!["", "", "", " ", "\n\t\r "]);
    let piece = prop::sample::select(vec![
        "a",
        "é",
        "\\u0061",
        "\\u00e9",
        "\\ud83d\\uDE00",
        "\\\"",
        "\\\\",
        "\\/",
        "\\b\\f\\n\\r\\t",
        "😀",
        "\\ud83d",
        "\\ude00",
        "\\ud83d\\u0061",
        "\\u00g0",
        "\\x",
        "\u{1}",
        "\u{7f}",
    ]);
    // Those that are no JSON come last and seldom.
    let good = prop::sample::select(vec![
        "a",
        "bc",
        "é",
        "\\u0061",
        "\\u00e9",
        "\\/",
        "\\n",
        "\\ud83d\\uDE00",
    ]);
    let scalar = prop_oneof![
        4 => prop::sample::select(vec!["null", "true", "false", "3", "3.0", "30e-1", "-0", "\"3\""])
            .prop_map(str::to_owned),
        4 => "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?",
        8 => vec(good, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
        1 => vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat())),
    ];
    scalar.prop_recursive(4, 40, 5, move |inner| {
        let spaced = (blank(), inner, blank()).prop_map(|(a, b, c)| [a, &b, c].concat());
        let member = (blank(), key(), blank(), spaced.clone())
            .prop_map(|(a, key, b, value)| format!("{a}\"{key}\"{b}:{value}"));
        prop_oneof![
            vec(spaced, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    })
}

fn pointers() -> impl Strategy<Value = Vec<String>> {
    let token = prop::sample::select(vec!["a", "b", "0", "1", "01", "a~1b", "~0", "", "é"]);
    let pointer = vec(token, 0..4)
        .prop_map(|tokens| tokens.iter().map(|token| format!("/{token}")).collect());
    vec(pointer, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_found_is_what_the_tree_has(documents in vec(document(), 1..3), wanted in pointers()) {
        let mut pointers = Pointers::new(wanted.iter().map(|pointer| &**pointer));
        for document in documents {
            check(&mut pointers, &wanted, document.as_bytes());
        }
    }

    #[test]
    fn what_is_not_json_is_found_out(
        document in document(),
        wanted in pointers(),
        at in any::<prop::sample::Index>(),
        put in prop::sample::select(b"{}[],:\"\\u0-.eE+ \n\x00\x1f\x80\xc3\xed\xff".to_vec()),
        cut in 0usize..3,
    ) {
        let mut pointers = Pointers::new(wanted.iter().map(|pointer| &**pointer));
        let (mut bytes, at) = (document.into_bytes(), at);
        let at = at.index(bytes.len());
        check(&mut pointers, &wanted, &bytes[..at]);
        bytes.splice(at..bytes.len().min(at + cut), [put]);
        check(&mut pointers, &wanted, &bytes);
    }

    #[test]
    fn values_are_compared_as_trees_are(one in document(), other in document()) {
        let trees = [&one, &other].map(|text| serde_json::from_str::<Tree>(text).ok());
        let [Some(tree), Some(other_tree)] = trees else { return Ok(()) };
        let mut root = Pointers::new([""]);
        let found = root.find(one.as_bytes()).unwrap();
        let value = found.get(0).unwrap();
        prop_assert_eq!(value.is(&other_tree), is_same(&other_tree, &tree));
        // Nearly the same.
        let mut near = tree.clone();
        match &mut near {
            Tree::Array(items) => drop(items.pop()),
            Tree::Object(members) => drop(members.insert("a".to_owned(), Tree::from(3))),
            _ => {}
        }
        prop_assert_eq!(value.is(&near), is_same(&near, &tree), "{} and {}", near, one);
    }
}
