// Parse each query and bind it to the public schema of the three tables, by Microsoft's own language
// service. Arguments: the folder of the language service, then the files. Prints one line of JSON
// for each diagnostic, and at last how many queries there were.
const fs = require("fs");
const path = require("path");

const [folder, ...files] = process.argv.slice(2);
const service = path.resolve(folder, "node_modules/@kusto/language-service-next");
require(path.join(service, "bridge.min.js"));
require(path.join(service, "Kusto.Language.Bridge.min.js"));
const kusto = globalThis.Kusto.Language;

const schema = JSON.parse(fs.readFileSync(path.join(__dirname, "schema.json"), "utf8"));
const common = schema["every table"];
delete schema["every table"];
const tables = Object.entries(schema).map(([name, columns]) => {
  const all = Object.entries({ ...common, ...columns }).map(([column, kind]) => `${column}:${kind}`);
  return kusto.Symbols.TableSymbol.From(`(${all.join(",")})`).WithName(name);
});
const database = new kusto.Symbols.DatabaseSymbol.$ctor1("workspace", tables);
const globals = kusto.GlobalState.Default.WithDatabase(database);

// The queries of a page, or the one of a file, each with the line before its first.
function queries(file) {
  const text = fs.readFileSync(file, "utf8");
  if (!file.endsWith(".md")) return [[0, text]];
  const fence = /^```(?:kusto|kql)\n([\s\S]*?)^```/gm;
  return [...text.matchAll(fence)].map((found) => [text.slice(0, found.index).split("\n").length, found[1]]);
}

let count = 0;
for (const file of files) {
  for (const [before, query] of queries(file)) {
    count += 1;
    // What a script puts in place of {start} and {end}.
    const text = query.replace(/\{(start|end)\}/g, "2026-01-01T00:00:00Z");
    const found = kusto.KustoCode.ParseAndAnalyze(text, globals).GetDiagnostics();
    for (let i = 0; i < found.Count; i++) {
      const diagnostic = found.getItem(i);
      const line = before + text.slice(0, diagnostic.Start).split("\n").length;
      console.log(JSON.stringify({ file, line, code: diagnostic.Code, why: diagnostic.Message }));
    }
  }
}
console.log(JSON.stringify({ queries: count }));
