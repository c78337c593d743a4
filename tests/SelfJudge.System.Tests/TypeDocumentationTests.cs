using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;
using SelfJudge.SystemTests.Processes;

namespace SelfJudge.SystemTests;

/// <summary>What users of the libraries are told of their types, as the build wrote it beside the assemblies.</summary>
public sealed class TypeDocumentationTests
{
    private static readonly string Folder = Path.GetDirectoryName(Programs.Client)!;

    public static TheoryData<string> Libraries =>
        [.. Directory.GetFiles(Folder, "SelfJudge.*.dll").Select(p => Path.GetFileNameWithoutExtension(p)).Order(StringComparer.Ordinal)];

    [Fact]
    public void Every_library_is_looked_at() => Assert.Equal(8, Libraries.Count);

    [Theory]
    [MemberData(nameof(Libraries))]
    public void Every_public_type_says_what_it_is(string library)
    {
        var members = XDocument.Load(Path.Combine(Folder, library + ".xml")).Descendants("member");
        var documented = members.Where(m => IsFullSentence(m.Element("summary"))).Select(m => m.Attribute("name")!.Value).ToHashSet();
        var types = PublicTypes(Path.Combine(Folder, library + ".dll"));
        Assert.NotEmpty(types);
        var silent = types.Where(t => !documented.Contains("T:" + t)).ToList();
        Assert.True(silent.Count == 0, $"without a summary that ends in a full stop:\n{string.Join('\n', silent)}");
    }

    private static bool IsFullSentence(XElement? summary) => summary is not null && string.Concat(summary.Nodes()).Trim() is [.., '.'];

    // What Orleans generates lies in namespaces of its own.
    private static List<string> PublicTypes(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        var metadata = file.GetMetadataReader();
        return [.. metadata.TypeDefinitions.Select(metadata.GetTypeDefinition).Where(t => IsPublic(metadata, t))
            .Select(t => NameOf(metadata, t))
            .Where(n => n.StartsWith("SelfJudge.", StringComparison.Ordinal))];
    }

    private static bool IsPublic(MetadataReader metadata, TypeDefinition type) => (type.Attributes & TypeAttributes.VisibilityMask) switch
    {
        TypeAttributes.Public => true,
        TypeAttributes.NestedPublic => IsPublic(metadata, metadata.GetTypeDefinition(type.GetDeclaringType())),
        _ => false,
    };

    private static string NameOf(MetadataReader metadata, TypeDefinition type) =>
        (type.IsNested ? NameOf(metadata, metadata.GetTypeDefinition(type.GetDeclaringType())) : metadata.GetString(type.Namespace))
        + "." + metadata.GetString(type.Name);
}
