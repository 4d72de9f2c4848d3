//! Parts of a template that have names: cookies of a header, parameters of a query, members of a JSON object. Taking one away or exchanging it
//! leaves the others as they are.

use crate::traffic::template::Template;

/// A template as its named parts.
pub(super) struct Pieces {
    /// What stands before them.
    before: Option<Template>,
    pub(super) all: Vec<Piece>,
    /// What stands behind them.
    behind: Option<Template>,
    marks: Marks,
}

/// A part.
pub(super) struct Piece {
    /// `None` if it is not the same in every request.
    pub(super) name: Option<String>,
    pub(super) text: Template,
}

/// What holds the parts together.
#[derive(Debug, Clone, Copy)]
struct Marks {
    open: &'static str,
    between: &'static str,
    close: &'static str,
}

impl Pieces {
    /// Of the value of a Cookie header.
    pub(super) fn cookies(value: &Template) -> Self {
        Self {
            before: None,
            all: pieces(
                (value.split(|byte| byte == b';').into_iter())
                    .map(Template::without_leading_blanks)
                    .collect(),
                b'=',
            ),
            behind: None,
            marks: Marks {
                open: "",
                between: "; ",
                close: "",
            },
        }
    }

    /// Of the query of a request's target.
    pub(super) fn query(path: &Template) -> Self {
        let mut is_found = false;
        let mut parts = path
            .split(|byte| byte == b'?' && !std::mem::replace(&mut is_found, true))
            .into_iter();
        let before = parts.next();
        let query = parts.next().map(|query| query.split(|byte| byte == b'&'));
        Self {
            before,
            all: pieces(query.unwrap_or_default(), b'='),
            behind: None,
            marks: Marks {
                open: "?",
                between: "&",
                close: "",
            },
        }
    }

    /// Of a body that is a JSON object; `None` if it is none.
    pub(super) fn members(body: &Template) -> Option<Self> {
        let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
        let mut parts = body.split(|byte| {
            if in_string {
                in_string = is_escaped || byte != b'"';
                is_escaped = !is_escaped && byte == b'\\';
                return false;
            }
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => {
                    depth += 1;
                    return depth == 1;
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    return depth == 0;
                }
                b',' => return depth == 1,
                _ => {}
            }
            false
        });
        let is_object = body.before(b'{').is_some_and(|text| text.trim().is_empty());
        if !is_object || depth != 0 || parts.len() < 3 {
            return None;
        }
        let behind = parts
            .pop()
            .filter(|of| of.before(b'\0').is_some_and(|text| text.trim().is_empty()));
        let before = parts.remove(0);
        Some(Self {
            before: Some(before),
            all: pieces(parts, b':'),
            behind: Some(behind?),
            marks: Marks {
                open: "{",
                between: ",",
                close: "}",
            },
        })
    }

    /// Those of a name.
    pub(super) fn named(&self, name: &str) -> Vec<Template> {
        let named = self
            .all
            .iter()
            .filter(|of| of.name.as_deref() == Some(name));
        named.map(|of| of.text.clone()).collect()
    }

    /// Puts others in the place of those of a name, or behind all where there are none.
    pub(super) fn exchange(&mut self, name: &str, others: Vec<Template>) {
        let is_it = |of: &Piece| of.name.as_deref() == Some(name);
        let at = self.all.iter().position(is_it).unwrap_or(self.all.len());
        self.all.retain(|of| !is_it(of));
        let others = others.into_iter().map(|text| Piece {
            name: Some(name.to_owned()),
            text,
        });
        self.all.splice(at..at, others);
    }

    /// The whole again; `None` if nothing is left of what has no place without parts.
    pub(super) fn whole(self) -> Option<Template> {
        let literal = |text: &str| Template::raw(text.as_bytes().to_vec());
        let Marks {
            open,
            between,
            close,
        } = self.marks;
        let is_bare = self.all.is_empty() && close.is_empty();
        let mut parts: Vec<Template> = self.before.into_iter().collect();
        if !is_bare {
            parts.push(literal(open));
        }
        for (at, piece) in self.all.into_iter().enumerate() {
            if at > 0 {
                parts.push(literal(between));
            }
            parts.push(piece.text);
        }
        if !is_bare {
            parts.push(literal(close));
        }
        parts.extend(self.behind);
        (!parts.is_empty()).then(|| Template::join(parts))
    }
}

/// Parts with their names; blank ones are none.
fn pieces(parts: Vec<Template>, end: u8) -> Vec<Piece> {
    let is_blank = |of: &Template| of.before(b'\0').is_some_and(|text| text.trim().is_empty());
    let parts = parts.into_iter().filter(|of| !is_blank(of));
    parts
        .map(|text| Piece {
            name: (text.before(end))
                .map(|name| name.trim().trim_matches('"').to_owned())
                .filter(|name| !name.is_empty()),
            text,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::traffic::template::{Scope, Values};
    use crate::traffic::variable::Variables;

    fn template(text: &str) -> Template {
        let scope = Scope {
            has_fleet: false,
            feeds: &[],
            variables: &[],
        };
        Template::compile(text, 1, &scope).unwrap()
    }

    fn text(of: &Template) -> String {
        let values = Values {
            seq: 0,
            seed: 0,
            device: None,
            variables: &Variables::new([]),
        };
        let mut out = Vec::new();
        of.append(&values, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn names(of: &Pieces) -> Vec<&str> {
        let names = of.all.iter().map(|piece| piece.name.as_deref());
        names.map(|name| name.unwrap_or("-")).collect()
    }

    #[track_caller]
    fn check(mut of: Pieces, all: &[&str], without: &str, left: Option<&str>) {
        assert_eq!(names(&of), all);
        of.exchange(without, Vec::new());
        assert_eq!(of.whole().as_ref().map(text).as_deref(), left);
    }

    #[test]
    fn one_is_taken_away_and_the_others_keep_their_bytes() {
        let cookies = || Pieces::cookies(&template("sid=a{{seq}}; theme=dark;lang=en"));
        check(
            cookies(),
            &["sid", "theme", "lang"],
            "sid",
            Some("theme=dark; lang=en"),
        );
        check(
            cookies(),
            &["sid", "theme", "lang"],
            "theme",
            Some("sid=a0; lang=en"),
        );
        check(Pieces::cookies(&template("sid=1")), &["sid"], "sid", None);
        let query = || Pieces::query(&template("/a/{{seq}}?page={{seq}}&q=x?y&flag"));
        check(
            query(),
            &["page", "q", "flag"],
            "page",
            Some("/a/0?q=x?y&flag"),
        );
        check(Pieces::query(&template("/a?x=1")), &["x"], "x", Some("/a"));
        check(Pieces::query(&template("/a")), &[], "x", Some("/a"));
        let body = r#" { "a": {"b": [1, 2]}, "c\"d" : "x,}{{seq}}", "e":{{seq}} } "#;
        let members = || Pieces::members(&template(body)).unwrap();
        check(
            members(),
            &["a", "c\\\"d", "e"],
            "a",
            Some(r#" { "c\"d" : "x,}0", "e":0 } "#),
        );
        let empty = Pieces::members(&template("{\"a\":1}")).unwrap();
        check(empty, &["a"], "a", Some("{}"));
    }

    #[test]
    fn one_that_is_exchanged_stays_in_its_place_and_a_new_one_goes_behind() {
        let mut of = Pieces::cookies(&template("a=1; b=2"));
        of.exchange("a", vec![template("a=9")]);
        of.exchange("c", vec![template("c=3")]);
        assert_eq!(text(&of.whole().unwrap()), "a=9; b=2; c=3");
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for body in [
            "",
            "[1,2]",
            "a=1&b=2",
            "{\"a\":1",
            "{\"a\":1} tail",
            "{{seq}}",
            "{",
        ] {
            assert!(Pieces::members(&template(body)).is_none(), "{body}");
        }
    }
}
