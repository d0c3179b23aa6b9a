//! `galileo-console completions SHELL` and `galileo-console man`, for packagers and for those who like the tab key.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, CliError, print};

/// Print the completions of a shell: `source <(galileo-console completions bash)`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "galileo-console", &mut text);
        print(&String::from_utf8_lossy(&text))
    }
}

/// Print the manual page: `galileo-console man | man -l -`.
#[derive(Debug, Args)]
pub(super) struct Manual {
    /// The page of one subcommand.
    subcommand: Option<String>,
}

impl Manual {
    pub(super) fn run(&self) -> Result<(), CliError> {
        let mut command = Cli::command();
        command.build();
        let command = match &self.subcommand {
            None => command,
            Some(name) => {
                let found = command.find_subcommand(name).cloned();
                found.ok_or_else(|| CliError(format!("there is no subcommand `{name}`")))?
            }
        };
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text).map_err(|error| CliError(error.to_string()))?;
        print(&String::from_utf8_lossy(&text))
    }
}
