using System.IO.Hashing;
using System.Text;

namespace SelfJudge.Abstractions;

/// <summary>What a run is to a cluster: the key of its <see cref="IRunGrain"/>.</summary>
public static class RunId
{
    private const int MaxLinks = 40; // as Linux has it

    /// <summary>
    /// The name of the run's folder, and a hash of where that really lies. By whatever links it is reached, it is one run; a copy of
    /// it elsewhere is another.
    /// </summary>
    /// <exception cref="RunFolderException">The links of its path go round in circles.</exception>
    public static string Of(string folder) =>
        $"{NameOf(folder)}-{Convert.ToHexStringLower(XxHash128.Hash(Encoding.UTF8.GetBytes(RealPath(folder))))[..16]}";

    /// <summary>How people call the run: the folder's name.</summary>
    public static string NameOf(string folder) => Path.GetFileName(Path.TrimEndingDirectorySeparator(folder));

    /// <summary>A path without any links; what is not there is taken by its name.</summary>
    /// <exception cref="RunFolderException">Its links go round in circles.</exception>
    public static string RealPath(string path)
    {
        var linksLeft = MaxLinks;
        return Resolve(Path.GetFullPath(path));

        string Resolve(string path)
        {
            path = Path.TrimEndingDirectorySeparator(path);
            if (Path.GetDirectoryName(path) is not { } parent)
                return path;
            parent = Resolve(parent);
            var real = Path.Combine(parent, Path.GetFileName(path));
            if (new DirectoryInfo(real).LinkTarget is not { } target)
                return real;
            return linksLeft-- > 0
                ? Resolve(Path.GetFullPath(target, parent))
                : throw new RunFolderException($"{path} leads through more than {MaxLinks} links");
        }
    }
}
