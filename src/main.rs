//! The `builder` command.

fn main() -> std::process::ExitCode {
    builder::cli::main()
}
