//! `tenantry completions`: what a shell needs to complete command lines.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::{arguments, failure::Failure, output::print};

const EXAMPLES: &str = "\
Examples:
  tenantry completions bash > ~/.local/share/bash-completion/completions/tenantry
  tenantry completions zsh > ~/.zfunc/_tenantry
  tenantry completions fish > ~/.config/fish/completions/tenantry.fish
  tenantry completions elvish >> ~/.config/elvish/rc.elv
  tenantry completions powershell >> $PROFILE

The folder may have to be made first. For zsh, it must be in fpath before compinit runs: fpath=(~/.zfunc $fpath).";

/// Print the script that lets a shell complete the words of this command
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        generate(self.shell, &mut arguments::command(), "tenantry", &mut script);
        Ok(print(&String::from_utf8_lossy(&script))?)
    }
}
