//! Tables without borders: a line of headers, columns two spaces apart, nothing after the last.

use comfy_table::{Table, presets::NOTHING};

/// A table; the headers alone if there are no rows.
pub(crate) fn table<const N: usize>(headers: [&str; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(headers);
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_apart_and_lines_end_with_their_last_word() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let printed = table(
            ["ID", "Keys", "Status"],
            vec![row(["abcdef", "k", "active"]), row(["a", "", "off"])],
        );
        let expected = "ID      Keys  Status\n\
                        abcdef  k     active\n\
                        a             off\n";
        assert_eq!(printed, expected);
        assert_eq!(table(["ID"], Vec::new()), "ID\n");
    }
}
