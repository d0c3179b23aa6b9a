//! The `galileo-console` command.

fn main() -> std::process::ExitCode {
    galileo_console::cli::main()
}
