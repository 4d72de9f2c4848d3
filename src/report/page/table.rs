//! A table of a page: markup that reads well without script and style, and that a script can sort and filter.

use askama::Template;

/// A table.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "table.html")]
pub(super) struct Table {
    /// What it shows.
    pub(super) caption: String,
    pub(super) heads: Vec<Head>,
    pub(super) rows: Vec<Row>,
    /// Whether readers may order its rows.
    pub(super) is_sortable: bool,
    /// Whether its last column is prose, which needs a line of its own on a phone.
    pub(super) is_prose: bool,
}

/// A column's title.
#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) text: String,
    pub(super) is_number: bool,
}

/// A row.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    /// The first one names the row.
    pub(super) cells: Vec<Cell>,
    /// The request that it is of, which a page filters by.
    pub(super) request: Option<String>,
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) text: String,
    /// What it is ordered by, if not by its text.
    pub(super) value: Option<f64>,
    /// How it is marked; colour alone never says anything.
    pub(super) class: &'static str,
    /// Markup of our own that stands before the text.
    pub(super) picture: String,
}

impl Table {
    /// Columns whose titles begin with `#` are numbers.
    pub(super) fn new(caption: impl Into<String>, heads: &[&str]) -> Self {
        Self {
            caption: caption.into(),
            heads: heads.iter().map(|text| Head::of(text)).collect(),
            ..Self::default()
        }
    }

    /// The same with prose in its last column.
    pub(super) fn with_prose(self) -> Self {
        Self {
            is_prose: true,
            ..self
        }
    }

    pub(super) fn add(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(Row {
            cells: cells.into_iter().collect(),
            request: None,
        });
    }

    fn is_number(&self, at: usize) -> bool {
        self.heads.get(at).is_some_and(|head| head.is_number)
    }
}

impl Head {
    pub(super) fn of(text: &str) -> Self {
        let number = text.strip_prefix('#');
        Self {
            text: number.unwrap_or(text).to_owned(),
            is_number: number.is_some(),
        }
    }
}

impl Cell {
    pub(super) fn number(text: impl Into<String>, value: f64) -> Self {
        Self {
            value: Some(value),
            ..Self::from(text.into())
        }
    }

    pub(super) fn drawn(picture: String) -> Self {
        Self {
            picture,
            ..Self::default()
        }
    }

    pub(super) fn marked(text: impl Into<String>, class: &'static str) -> Self {
        Self {
            class,
            ..Self::from(text.into())
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            ..Self::default()
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}
