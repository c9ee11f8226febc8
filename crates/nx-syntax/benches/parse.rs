//! Speed of reading and writing scripts: `cargo bench -p boobook-nx-syntax`.
#![allow(missing_docs, reason = "a benchmark")]

use boobook_nx_syntax::{Form, parse, print};
use divan::{Bencher, counter::BytesCount};

fn main() {
    divan::main();
}

/// Twenty lines of a plain script, ten times over.
fn script() -> String {
    let lines = r#"let me := this;
let open := (select Invoices where Customer = me and not Paid order by Date);
"Sums of what is open, by month";
let total := 0;
for invoice in open do
	let net := sum(invoice.Items.(Qty * Price)) + 0.5;
	if net > 1000 and invoice.'Due date' < today() - 30 then
		total := total + net * 1.19;
		invoice.(Reminders := Reminders + 1)
	else if net > 0 then
		total := total + net
	end
end;
let body := ---Dear {'First Name'} {'Last Name'}, you owe us {format(total, "0.00")}.---;
switch Status do
case 1: { state: "new", total: total }
case 2, 3: { state: "known", 'first name': upper('First Name'), total: total }
default: null
end;
let names := join(for c in select Customers[VIP] do c.'Last Name' end, ", ");
"#;
    lines.repeat(10)
}

#[divan::bench]
fn parse_200_lines(bencher: Bencher) {
    let script = script();
    assert!(parse(&script).diagnostics.is_empty());
    bencher.counter(BytesCount::of_str(&script)).bench(|| parse(&script));
}

#[divan::bench(args = [Form::Human, Form::Ids])]
fn print_200_lines(bencher: Bencher, form: Form) {
    let parse = parse(&script());
    bencher.bench(|| print(&parse.script, form, &|_| None));
}
