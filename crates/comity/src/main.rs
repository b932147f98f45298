//! The `comity` program: everything is in the library, so that tests call it too.

fn main() -> std::process::ExitCode {
    comity::cli::main()
}
