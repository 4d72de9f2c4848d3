//! Pointers (RFC 6901) compiled to one tree, and found in one pass over a document.

use std::ops::Range;

use super::NotJson;
use super::reader::{Kind, Reader};
use super::value::Value;

/// The pointers of a request, with where they were found last.
#[derive(Debug, Clone)]
pub struct Pointers {
    /// In the order of a walk through the tree: a place is followed by those within it.
    nodes: Vec<Node>,
    /// The node of each pointer.
    places: Vec<usize>,
    /// By node; empty if there is no such value.
    found: Vec<Range<usize>>,
}

/// A place that a pointer names or that lies on the way to one.
#[derive(Debug, Clone)]
struct Node {
    key: String,
    /// The key as an index of an array.
    index: Option<usize>,
    /// The first node that is not within this one.
    end: usize,
}

/// What was found in a document.
pub struct Found<'a, 'p> {
    document: &'a str,
    pointers: &'p Pointers,
}

impl Pointers {
    /// Compiles pointers, each of which is empty or begins with a slash.
    pub fn new<'p>(pointers: impl IntoIterator<Item = &'p str>) -> Self {
        let mut paths: Vec<(Vec<String>, usize)> = pointers
            .into_iter()
            .enumerate()
            .map(|(nth, pointer)| (keys(pointer), nth))
            .collect();
        // In this order what a path shares with those before it was made last.
        paths.sort_unstable();
        let mut nodes = vec![Node::new(String::new(), 1)];
        let mut places = vec![0; paths.len()];
        for (path, nth) in paths {
            let mut way = vec![0];
            for key in path {
                let parent = *way.last().unwrap_or(&0);
                let known = children(&nodes, parent).find(|&child| nodes[child].key == key);
                way.push(known.unwrap_or_else(|| {
                    let place = nodes.len();
                    nodes.push(Node::new(key, place + 1));
                    place
                }));
            }
            places[nth] = *way.last().unwrap_or(&0);
            let end = nodes.len();
            way.into_iter().for_each(|node| nodes[node].end = end);
        }
        Self {
            found: vec![0..0; nodes.len()],
            nodes,
            places,
        }
    }

    /// Goes through a document, all of which is checked.
    ///
    /// # Errors
    /// It is not JSON, or nested deeper than serde_json reads it.
    pub fn find<'a>(&mut self, document: &'a [u8]) -> Result<Found<'a, '_>, NotJson> {
        // Outside of strings the grammar has ASCII alone.
        let document = std::str::from_utf8(document).map_err(|_| NotJson)?;
        let mut reader = Reader::new(document);
        self.found.fill(0..0);
        walk(&self.nodes, &mut self.found, &mut reader, 0)?;
        reader.end()?;
        Ok(Found {
            document,
            pointers: self,
        })
    }
}

impl<'a> Found<'a, '_> {
    /// The value at the n-th of the pointers.
    pub fn get(&self, nth: usize) -> Option<Value<'a>> {
        let place = &self.pointers.found[self.pointers.places[nth]];
        (!place.is_empty()).then(|| Value::at(self.document, place.clone()))
    }
}

impl Node {
    fn new(key: String, end: usize) -> Self {
        // As in serde_json: no sign, no leading zero.
        let is_index = key == "0" || !key.starts_with(['0', '+']);
        Self {
            index: is_index.then(|| key.parse().ok()).flatten(),
            key,
            end,
        }
    }
}

fn keys(pointer: &str) -> Vec<String> {
    let keys = pointer.split('/').skip(1);
    keys.map(|key| key.replace("~1", "/").replace("~0", "~"))
        .collect()
}

/// The nodes right below one.
fn children(nodes: &[Node], node: usize) -> impl Iterator<Item = usize> {
    let end = nodes[node].end;
    let within = move |child: &usize| *child < end;
    std::iter::successors(Some(node + 1).filter(within), move |&child| {
        Some(nodes[child].end).filter(within)
    })
}

/// Reads the value at a node, and notes where it and what is looked for in it are.
fn walk(
    nodes: &[Node],
    found: &mut [Range<usize>],
    reader: &mut Reader<'_>,
    node: usize,
) -> Result<(), NotJson> {
    let start = reader.begin();
    if nodes[node].end == node + 1 {
        reader.skip()?;
    } else {
        match reader.open()? {
            Kind::Object => {
                while let Some(key) = reader.member()? {
                    match children(nodes, node).find(|&child| key.is(&nodes[child].key)) {
                        Some(child) => {
                            // The last member of a key counts, with all that is in it.
                            found[child..nodes[child].end].fill(0..0);
                            walk(nodes, found, reader, child)?;
                        }
                        None => reader.skip()?,
                    }
                }
            }
            Kind::Array => {
                let mut index = 0;
                while reader.item()? {
                    match children(nodes, node).find(|&child| nodes[child].index == Some(index)) {
                        Some(child) => walk(nodes, found, reader, child)?,
                        None => reader.skip()?,
                    }
                    index += 1;
                }
            }
            Kind::Scalar => {}
        }
    }
    found[node] = start..reader.position();
    Ok(())
}
