//! Fields of forms (multipart/form-data, RFC 7578) whose names are those of credentials. Pure; in time linear in the text, which may be cut
//! off anywhere and whose line ends may be escaped.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::names::is_sensitive_name;

/// The end of a line, also as JSON, source text or a form write it.
const LINE_END: &str = r"(?:\r?\n|\\+r\\+n|\\+n|(?i:%0D)?(?i:%0A))";

/// Bytes of the headers of a field that are looked at.
const MOST_OF_HEADERS: usize = 2_048;

static FIELD: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\bform-data\b"));

/// The name in what follows that; `filename` is another one.
static NAME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"(?i)(?:^|[;\s+]|%3B|%20)name\*?\s*(?:=|%3D)\s*(?:[\w-]+'[^']*')?(?:\\*["']|%22)?([^"'\\;\r\n%]*)"#,
    )
});

static HEADERS_END: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("{LINE_END}{LINE_END}")));

static FIELD_END: LazyLock<Regex> = LazyLock::new(|| pattern(&format!("{LINE_END}--")));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a pattern")
}

/// Where the values of such fields stand; to the end of the text if it was cut off within one.
pub(super) fn fields(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    // The first blank line behind that; it is looked for once.
    let mut blank = 0..0;
    while let Some(field) = FIELD.find_at(text, from) {
        from = field.end();
        if blank.start < from {
            match HEADERS_END.find_at(text, from) {
                Some(found) => blank = found.range(),
                None => break,
            }
        }
        if blank.start - from > MOST_OF_HEADERS {
            continue;
        }
        let name = NAME.captures(&text[from..blank.start]);
        if !name.is_some_and(|name| is_sensitive_name(&name[1])) {
            continue;
        }
        let start = blank.end;
        let end = FIELD_END.find_at(text, start);
        from = end.map_or(text.len(), |end| end.start());
        found.push(start..from);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let found = fields(text).into_iter().map(|range| &text[range]);
        assert_eq!(found.collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn fields_of_forms_are_found_by_their_names() {
        let form = "--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--b\r\nContent-Disposition: form-data; name=\"password\"; filename=\"f\"\r\nContent-Type: text/plain\r\n\r\nhush\r\nhush\r\n--b\r\ncontent-disposition:form-data;filename=\"token\";name=pin\r\n\r\n12\r\n--b--\r\n";
        check(form, &["hush\r\nhush", "12"]);
        check(&form.replace("\r\n", "\n"), &["hush\nhush", "12"]);
        // As JSON and forms hold it, once and twice.
        let escaped = form.replace('"', "\\\"").replace("\r\n", "\\r\\n");
        check(&escaped, &["hush\\r\\nhush", "12"]);
        let twice = form.replace('"', "\\\\\\\"").replace("\r\n", "\\\\r\\\\n");
        check(&twice, &["hush\\\\r\\\\nhush", "12"]);
        check(&form.replace("\r\n", "%0D%0A"), &["hush%0D%0Ahush", "12"]);
        // Cut off.
        let within = form.find("hush").unwrap() + 2;
        check(&form[..within], &["hu"]);
        check(&form[..within - 3], &[]);
        check("form-data", &[]);
        check("form-data; name*=utf-8''api_key\n\nhush", &["hush"]);
        check("form-data; name=\"user\"\n\nann\n--b", &[]);
    }

    #[test]
    fn a_hostile_text_takes_linear_time() {
        let text = "form-data; name=password ".repeat(40_000);
        check(&text, &[]);
        let text = "form-data; name=password\n\n".repeat(40_000);
        assert_eq!(fields(&text).len(), 1);
    }
}
