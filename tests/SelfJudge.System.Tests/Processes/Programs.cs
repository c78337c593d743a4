using System.Reflection;

namespace SelfJudge.SystemTests.Processes;

/// <summary>The programs under test, as the build of this project made them.</summary>
internal static class Programs
{
    public static string Client { get; } = Find("ClientProgram");
    public static string Silo { get; } = Find("SiloProgram");

    /// <summary>The dotnet that runs the tests, which need not be on the path.</summary>
    public static string DotNet { get; } = Path.GetFullPath(
        Path.Combine(Path.GetDirectoryName(typeof(object).Assembly.Location)!, "..", "..", "..",
        OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));

    private static string Find(string name) =>
        typeof(Programs).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == name).Value!;
}
