//! Asks a type's own `Deserialize` what it can be read from: which keys a table has, and of which kind each value is.
//!
//! A probe follows a path of keys through the type. It hands over that path and nothing beside it, and notes what the value at its
//! end asks for. So it needs no valid values, and it cannot say anything else than what reads a scenario.

use std::cell::RefCell;

use serde::Deserialize;
use serde::de::value::{Error, UsizeDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, Expected, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};

/// What a value is read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A table with keys of its own: the type's name, and the keys.
    Table(&'static str, &'static [&'static str]),
    /// A table whose keys are names.
    Names,
    List,
    /// A text, in the words of whoever reads it.
    Text(String),
    Bool,
    /// A whole number, and the largest one.
    Whole(u64),
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// Several kinds, in the words of whoever reads it.
    Either(String),
}

/// A step towards a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    Key(&'static str),
    /// Below any name, or into a list.
    Into,
}

/// The kind of the value at the end of `path` in `T`.
pub(super) fn kind<'de, T: Deserialize<'de>>(path: &[Step]) -> Kind {
    let found = RefCell::new(None);
    let probe = Probe {
        path,
        supply: None,
        found: &found,
    };
    let ended = T::deserialize(probe).err().map(|error| error.to_string());
    match (found.into_inner(), ended) {
        (Some(Found::Kind(kind)), _) => kind,
        // What reads several kinds says so when it is given nothing that it knows.
        (None, Some(words)) => Kind::Either(words),
        (found, ended) => panic!("nothing at {path:?}: {found:?}, {ended:?}"),
    }
}

/// The keys that the table at the end of `path` cannot do without.
pub(super) fn required<'de, T: Deserialize<'de>>(path: &[Step]) -> Vec<&'static str> {
    let Kind::Table(_, fields) = kind::<T>(path) else {
        panic!("no table at {path:?}");
    };
    let mut supplied = Vec::new();
    loop {
        let found = RefCell::new(None);
        let probe = Probe {
            path,
            supply: Some(&supplied),
            found: &found,
        };
        drop(T::deserialize(probe));
        let words = match found.into_inner() {
            Some(Found::Refused(words)) => words,
            Some(Found::Complete) => return supplied,
            other => panic!("no table at {path:?}: {other:?}"),
        };
        let missing = words.strip_prefix("missing field `");
        let missing = missing.and_then(|rest| rest.strip_suffix('`'));
        let own = fields.iter().find(|field| Some(**field) == missing);
        supplied.push(*own.unwrap_or_else(|| panic!("{path:?} with {supplied:?}: {words}")));
    }
}

#[derive(Debug)]
enum Found {
    Kind(Kind),
    Complete,
    Refused(String),
}

struct Probe<'a> {
    path: &'a [Step],
    /// The keys that the table at the end is given, if it is asked what it lacks.
    supply: Option<&'a [&'static str]>,
    found: &'a RefCell<Option<Found>>,
}

impl<'a> Probe<'a> {
    fn note<T>(self, kind: Kind) -> Result<T, Error> {
        assert!(self.path.is_empty(), "{:?} leads into {kind:?}", self.path);
        *self.found.borrow_mut() = Some(Found::Kind(kind));
        Err(Error::custom("found"))
    }

    /// One step on, and the step.
    fn step(self) -> (Step, Self) {
        let rest = Self {
            path: &self.path[1..],
            ..self
        };
        (self.path[0], rest)
    }
}

/// Whether it is a value with its place, which the library reads as a table of its own.
fn is_spanned(name: &str) -> bool {
    name.starts_with("$__serde_spanned")
}

fn words<'de>(visitor: &impl Visitor<'de>) -> String {
    (visitor as &dyn Expected).to_string()
}

macro_rules! noted {
    ($($method:ident => $kind:expr),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            self.note($kind)
        })*
    };
}

macro_rules! unknown {
    ($($method:ident ( $($argument:ty),* )),* $(,)?) => {
        $(fn $method<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value, Error> {
            panic!("a scenario has no {}", words(&visitor))
        })*
    };
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    noted! {
        deserialize_bool => Kind::Bool,
        deserialize_u8 => Kind::Whole(u8::MAX.into()),
        deserialize_u16 => Kind::Whole(u16::MAX.into()),
        deserialize_u32 => Kind::Whole(u32::MAX.into()),
        deserialize_u64 => Kind::Whole(u64::MAX),
        deserialize_f32 => Kind::Number,
        deserialize_f64 => Kind::Number,
    }

    unknown! {
        deserialize_i8(), deserialize_i16(), deserialize_i32(), deserialize_i64(), deserialize_char(), deserialize_bytes(),
        deserialize_byte_buf(), deserialize_unit(), deserialize_unit_struct(&'static str), deserialize_tuple(usize),
        deserialize_tuple_struct(&'static str, usize), deserialize_identifier(), deserialize_ignored_any(),
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match words(&visitor) {
            // What is kept to be looked at by several types in turn; they say together what they expect.
            words if words == "any value" => visitor.visit_unit(),
            words => self.note(Kind::Either(words)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::Text(words(&visitor)))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.note(Kind::Text(words(&visitor)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        self.note(Kind::Word(variants))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.path {
            [] => self.note(Kind::List),
            _ => visitor.visit_seq(Once(Some(self.step().1))),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.path {
            [] => self.note(Kind::Names),
            _ => visitor.visit_map(Entries::one("name", self.step().1)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if is_spanned(name) {
            return visitor.visit_map(Entries::spanned(fields, self));
        }
        match (self.path, self.supply) {
            ([], None) => self.note(Kind::Table(name, fields)),
            ([], Some(supplied)) => {
                let entries = supplied.iter().map(|key| (*key, Entry::Text("x")));
                let ended = visitor.visit_map(Entries(entries.collect()));
                *self.found.borrow_mut() = Some(match &ended {
                    Ok(_) => Found::Complete,
                    Err(error) => Found::Refused(error.to_string()),
                });
                ended
            }
            _ => match self.step() {
                (Step::Key(key), rest) => visitor.visit_map(Entries::one(key, rest)),
                (Step::Into, rest) => {
                    panic!("{name} is entered without a key, then {:?}", rest.path)
                }
            },
        }
    }
}

/// The value of a key.
enum Entry<'a> {
    Probe(Probe<'a>),
    /// A place in the text.
    Place,
    Text(&'static str),
}

/// Entries of a table, last one first.
struct Entries<'a>(Vec<(&'static str, Entry<'a>)>);

impl<'a> Entries<'a> {
    fn one(key: &'static str, probe: Probe<'a>) -> Self {
        Self(vec![(key, Entry::Probe(probe))])
    }

    /// A value with its place: `fields` are those of both ends and of the value.
    fn spanned(fields: &'static [&'static str], probe: Probe<'a>) -> Self {
        Self(vec![
            (fields[2], Entry::Probe(probe)),
            (fields[1], Entry::Place),
            (fields[0], Entry::Place),
        ])
    }
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        self.0
            .last()
            .map(|(key, _)| seed.deserialize(Right(key)))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.0.pop().expect("a value after its key").1 {
            Entry::Probe(probe) => seed.deserialize(probe),
            Entry::Place => {
                let place: UsizeDeserializer<Error> = 0_usize.into_deserializer();
                seed.deserialize(place)
            }
            Entry::Text(text) => seed.deserialize(Right(text)),
        }
    }
}

struct Once<'a>(Option<Probe<'a>>);

impl<'de> SeqAccess<'de> for Once<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        self.0
            .take()
            .map(|probe| seed.deserialize(probe))
            .transpose()
    }
}

/// A value of whatever kind is asked for; this one, where it is a text.
struct Right(&'static str);

impl<'de> Deserializer<'de> for Right {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut entries = Vec::new();
        if is_spanned(name) {
            entries.push((fields[2], Entry::Text(self.0)));
            entries.extend([fields[1], fields[0]].map(|end| (end, Entry::Place)));
        }
        visitor.visit_map(Entries(entries))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}
