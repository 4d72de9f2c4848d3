//! Pages and pictures: self-contained files for a browser.

pub mod flame_diff;
pub mod flame_files;
pub mod run;
mod table;
