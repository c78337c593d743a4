// Checks that no test was skipped but for a reason of a list: check-skips LIST RESULTS, a folder of xUnit's XML files.
using System.IO.Enumeration;
using System.Xml.Linq;

var allowed = File.ReadLines(args[0]).Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(" | "))
    .Where(a => a.Length < 3 || !Path.Exists(a[2])).ToList();
var tests = Directory.GetFiles(args[1], "*.xml").SelectMany(f => XDocument.Load(f).Descendants("test")).ToList();
var skipped = tests.Where(t => (string?)t.Attribute("result") == "Skip")
    .Select(t => (Name: (string)t.Attribute("name")!, Reason: (string?)t.Element("reason") ?? "")).ToList();
var unlisted = skipped.Where(s => !allowed.Exists(a =>
    FileSystemName.MatchesSimpleExpression(a[0], s.Name) && FileSystemName.MatchesSimpleExpression(a[1], s.Reason))).ToList();
foreach (var (name, reason) in unlisted)
    Console.Error.WriteLine($"skipped, and not in {args[0]}: {name}: {reason}");
Console.WriteLine($"{tests.Count} tests, {skipped.Count} skipped, {unlisted.Count} of them for no listed reason");
return tests.Count > 0 && unlisted.Count == 0 ? 0 : 1;
