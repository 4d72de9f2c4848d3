//! Pages and pictures: self-contained files for a browser.

pub mod ablate;
pub mod audit;
mod bar;
mod changes;
pub mod compare;
pub mod flame_diff;
pub mod flame_files;
mod frame;
mod functions;
pub mod gate;
mod island;
mod machine;
pub mod run;
mod table;
