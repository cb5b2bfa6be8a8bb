//! The `console` blocks of a page, taken apart.

/// A command and what it prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Where the page says it, from 1.
    pub(super) line: usize,
    /// As the shell gets it.
    pub(super) command: String,
    /// Standard output and standard error, as somebody at a terminal sees them.
    pub(super) printed: String,
}

/// The steps of a page, in order.
pub(super) fn steps(page: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut lines = page.lines().enumerate().map(|(index, line)| (index + 1, line));
    while lines.by_ref().any(|(_, line)| line == "```console") {
        while let Some((number, line)) = lines.next().filter(|(_, line)| *line != "```") {
            if let Some(first) = line.strip_prefix("$ ") {
                let mut command = first.to_owned();
                let until = first.contains("<<'EOF'").then_some("EOF");
                while until.is_some_and(|end| !command.ends_with(&format!("\n{end}")))
                    || until.is_none() && command.ends_with('\\')
                {
                    let (_, more) = lines.next().expect("the rest of the command");
                    command = format!("{command}\n{more}");
                }
                steps.push(Step { line: number, command, printed: String::new() });
            } else {
                let step = steps.last_mut().expect("a command before its output");
                step.printed = format!("{}{line}\n", step.printed);
            }
        }
    }
    steps
}

#[test]
fn a_page_is_taken_apart_into_commands_and_what_they_print() {
    let page = "text\n```console\n$ a \\\n    b\nout\n$ cat > f <<'EOF'\nx\nEOF\n```\n$ no\n";
    let step = |line, command: &str, printed: &str| Step {
        line,
        command: command.to_owned(),
        printed: printed.to_owned(),
    };
    let expected = [step(3, "a \\\n    b", "out\n"), step(6, "cat > f <<'EOF'\nx\nEOF", "")];
    assert_eq!(steps(page), expected);
}
