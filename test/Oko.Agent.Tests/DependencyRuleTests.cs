using System.Reflection;
using System.Text.RegularExpressions;

namespace Oko.Agent.Tests;

/// <summary>Holds the layering of the four projects; a change that breaks it fails here and says where.</summary>
public sealed class DependencyRuleTests
{
    [TestCase("Oko.OpenFlow")]
    [TestCase("Oko.Bpf")]
    [TestCase("Oko.Datapath", "Oko.Bpf")]
    [TestCase("oko", "Oko.Bpf", "Oko.Datapath", "Oko.OpenFlow")]
    public void Assembly_References_AreThoseOfTheLayering(string assembly, params string[] allowed)
    {
        References(assembly).Where(name => name.StartsWith("Oko.", StringComparison.Ordinal)).Should().BeSubsetOf(allowed);
    }

    [TestCase("Oko.Bpf")]
    [TestCase("Oko.Datapath")]
    [TestCase("oko")]
    public void DotNetty_OutsideOpenFlow_IsNotReferenced(string assembly)
    {
        References(assembly).Where(name => name.StartsWith("DotNetty", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [Test]
    public void DotNetty_InOpenFlow_StaysInTheChannelFolder()
    {
        var channel = Path.Combine(SourceTree.Root, "Oko.OpenFlow", "Channel") + Path.DirectorySeparatorChar;
        Sources("Oko.OpenFlow").Where(file => !file.StartsWith(channel, StringComparison.Ordinal))
            .Where(file => File.ReadAllText(file).Contains("DotNetty.", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [TestCase("Oko.OpenFlow")]
    [TestCase("Oko.Agent")]
    public void Unsafe_InCodecAndAgent_IsNotUsed(string project)
    {
        Sources(project).Where(file => Regex.IsMatch(WithoutComments(file), @"\bunsafe\b")).Should().BeEmpty();
    }

    [TestCase("Oko.Bpf")]
    [TestCase("Oko.Datapath")]
    public void Unsafe_WhereAllowed_NamesItsInvariant(string project)
    {
        Sources(project).Where(file => Regex.IsMatch(WithoutComments(file), @"\bunsafe\b"))
            .Where(file => !File.ReadAllText(file).Contains("SAFETY:", StringComparison.Ordinal)).Should().BeEmpty();
    }

    [Test]
    public void PlatformCalls_OutsideInterop_AreNotDeclared()
    {
        var interop = Path.Combine(SourceTree.Root, "Oko.Datapath", "Interop") + Path.DirectorySeparatorChar;
        new[] { "Oko.OpenFlow", "Oko.Bpf", "Oko.Datapath", "Oko.Agent" }.SelectMany(Sources)
            .Where(file => !file.StartsWith(interop, StringComparison.Ordinal))
            .Where(file => Regex.IsMatch(WithoutComments(file), @"\b(LibraryImport|DllImport)\b")).Should().BeEmpty();
    }

    private static IEnumerable<string> References(string assembly) =>
        Assembly.Load(assembly).GetReferencedAssemblies().Select(name => name.Name!);

    private static IEnumerable<string> Sources(string project) =>
        Directory.EnumerateFiles(Path.Combine(SourceTree.Root, project), "*.cs", SearchOption.AllDirectories)
            .Where(file => !Regex.IsMatch(file, @"[/\\](bin|obj)[/\\]"));

    private static string WithoutComments(string file) => Regex.Replace(File.ReadAllText(file), @"//[^\n]*|""[^""\n]*""", string.Empty);
}
