//! `telemload import`: recorded traffic of others becomes a scenario. Values of credentials reach no output but the file that
//! `--keep-secrets` names.

mod args;
mod place;
mod told;

use std::path::{Path, PathBuf};

pub(super) use self::args::Args;
use self::place::Place;
use super::exit::Usage;
use super::input::bytes_up_to;
use super::output::print;
use super::path::{at_most_one_stdin, shown};
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
    let secrets = import::take(&mut sample);
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
    let draft = import::draft(&mut sample, &secrets, &choice).map_err(|why| {
        Usage(format!(
            "{}: {why}{}",
            all(&args.files),
            told::skipped_in_a_line(&sample)
        ))
    })?;
    place.write(&draft, args.force)?;
    let told = told::Told {
        read,
        sample: &sample,
        replaced: secrets.report(),
        draft: &draft,
        place: &place,
    };
    print(&if args.json { told.json() } else { told.text() })?;
    Ok(0)
}

fn read(args: &Args, file: &Path) -> anyhow::Result<Sample> {
    let bytes = bytes_up_to(file, LARGEST, "; name the files in it")?;
    let parent = file.parent().unwrap_or(Path::new("")).to_owned();
    let beside = move |name: &str| -> Result<Vec<u8>, String> {
        bytes_up_to(&parent.join(name), 16 << 20, "").map_err(|error| error.to_string())
    };
    let options = Options {
        format: args.log_format.as_deref(),
        fields: args.log_fields.as_deref(),
        files: args.read_files.then_some(&beside as import::Files<'_>),
    };
    let sample = import::read(&shown(file), &bytes, &options);
    Ok(sample.map_err(|error| Usage(format!("{}: {error}", shown(file))))?)
}

fn all(files: &[PathBuf]) -> String {
    match files {
        [one] => shown(one),
        [first, rest @ ..] => format!("{} and {} more", shown(first), rest.len()),
        [] => String::new(),
    }
}
