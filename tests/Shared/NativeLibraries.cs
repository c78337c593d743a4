using System.Runtime.CompilerServices;
using SelfJudge.Modeling.Native;

namespace SelfJudge.Tests.Shared;

/// <summary>The event files of TensorBoard come from TorchSharp, which a model host would have loaded; a fake one has not.</summary>
internal static class NativeLibraries
{
    [ModuleInitializer]
    internal static void Load() => TorchRuntime.EnsureLoaded();
}
