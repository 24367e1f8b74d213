//! Colour of the output. Renderers always write styles, and [`super::output::print`] removes the styles if the output has
//! no colour.

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use clap::{Args, ValueEnum};

/// The style of labels and headings.
pub const LABEL: Style = Style::new().bold();
/// The style of what is created, and of passed checks.
pub const CREATED: Style = AnsiColor::Green.on_default();
/// The style of what is changed, and of warnings and skipped checks.
pub const CHANGED: Style = AnsiColor::Yellow.on_default();
/// The style of what is deleted, and of problems and failed checks.
pub const DELETED: Style = AnsiColor::Red.on_default();
/// The style of what is taken over or unknown.
pub const TAKEN_OVER: Style = AnsiColor::Cyan.on_default();

/// The flag of all commands.
#[derive(Args, Debug)]
pub struct ColorArgs {
    /// Colour of the output. With auto, only a terminal gets colour; NO_COLOR and CLICOLOR_FORCE change this.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", display_order = 100)]
    color: When,
}

/// The values of `--color`.
#[derive(ValueEnum, Clone, Copy, Debug, Default)]
enum When {
    #[default]
    Auto,
    Always,
    Never,
}

impl ColorArgs {
    /// Sets the choice for the whole process.
    pub fn apply(&self) {
        match self.color {
            When::Auto => ColorChoice::Auto,
            When::Always => ColorChoice::Always,
            When::Never => ColorChoice::Never,
        }
        .write_global();
    }
}
