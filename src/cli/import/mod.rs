//! `telemload import`: recorded traffic of others becomes a scenario. Values of credentials reach no output but the file that
//! `--keep-secrets` names.

mod args;
mod place;
mod told;

use std::io;
use std::path::{Component, Path, PathBuf};

pub(super) use self::args::Args;
use self::place::Place;
use super::exit::Usage;
use super::input::traffic_up_to;
use super::output::print;
use super::path::{at_most_one_stdin, shown};
use crate::experiment::read_own;
use crate::import::{self, Choice, Options, Pace, Sample};

/// The largest file that is read.
const LARGEST: u64 = 512 << 20;

pub(super) fn exec(args: &Args) -> anyhow::Result<u8> {
    at_most_one_stdin(args.files.iter().map(PathBuf::as_path))?;
    let place = Place::of(args)?;
    let mut sample = Sample::default();
    for file in &args.files {
        sample.join(read(args, file)?);
    }
    let read = told::Read::of(&sample);
    let choice = Choice {
        name: place.name.clone(),
        origin: args.origin.clone(),
        target: args.target.clone(),
        pace: Pace {
            keeps_times: args.timing,
            speed: args.speed,
        },
        folder: place.folder_name.clone(),
        secrets: place.secrets_name.clone(),
        keeps_binary: args.keep_binary,
    };
    let draft = import::draft(&mut sample, &choice).map_err(|why| {
        Usage(format!(
            "{}: {why}{}",
            all(&args.files),
            told::skipped_in_a_line(&sample)
        ))
    })?;
    let notes = place.write(&draft)?;
    let told = told::Told {
        read,
        sample: &sample,
        notes,
        draft: &draft,
        place: &place,
    };
    print(&if args.json { told.json() } else { told.text() })?;
    Ok(0)
}

fn read(args: &Args, file: &Path) -> anyhow::Result<Sample> {
    let bytes = traffic_up_to(file, LARGEST)?;
    let folder = file.parent().unwrap_or(Path::new("")).to_owned();
    let files = move |name: &str| beside(&folder, Path::new(name));
    let options = Options {
        format: args.log_format.as_deref(),
        fields: args.log_fields.as_deref(),
        files: args.read_files.then_some(&files as import::Files<'_>),
    };
    let sample = import::read(&shown(file), &bytes, &options);
    Ok(sample.map_err(|error| Usage(format!("{}: {error}", shown(file))))?)
}

/// The largest file that a command names.
const LARGEST_BODY: u64 = 16 << 20;

/// A file that a command names. Whoever wrote the command is a stranger: what lies elsewhere, or is no file, is none of theirs.
fn beside(folder: &Path, name: &Path) -> Result<Vec<u8>, String> {
    let is_below = name
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !is_below {
        return Err("the file of a body does not lie below the directory of the commands, and is not read; copy it there if it is meant".to_owned());
    }
    read_own(folder, name, LARGEST_BODY).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => format!("the file of a body is larger than {} MiB, and is not read", LARGEST_BODY >> 20),
        // In the words of run directories.
        io::ErrorKind::NotADirectory => "the file of a body is behind a link, or no regular file, and is not read; copy it there if it is meant".to_owned(),
        _ => format!("the file of a body cannot be read: {error}"),
    })
}

fn all(files: &[PathBuf]) -> String {
    match files {
        [one] => shown(one),
        [first, rest @ ..] => format!("{} and {} more", shown(first), rest.len()),
        [] => String::new(),
    }
}
