using SelfJudge.Modeling.Hosting;
using SelfJudge.Modeling.Native;
using SelfJudge.Modeling.Tensors;

namespace SelfJudge.Modeling.Tests.Tensors;

public sealed class TorchDevicesTests
{
    [Theory]
    [InlineData("cpu", "cpu")]
    [InlineData("cuda", "cuda:0")]
    [InlineData("cuda:1", "cuda:1")]
    public void A_device_that_is_there_has_its_name_in_full(string device, string name) =>
        Assert.Equal(name, TorchDevices.Resolve(device, isCudaBuild: true, () => 2));

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:x")]
    [InlineData("cuda:-1")]
    [InlineData("CUDA:0")]
    [InlineData("")]
    public void An_unknown_name_is_quoted(string device) =>
        Assert.Equal($"device {device} is unknown: write cpu, or cuda:N for the N-th GPU, counted from 0", Problem(device, true, () => 2));

    [Fact]
    public void Without_the_cuda_package_it_says_how_to_build_with_it_and_asks_nothing_of_LibTorch() =>
        Assert.Equal("device cuda:0 cannot be used: this program was built with LibTorch for processors, so there is only cpu; build it "
            + "with -p:TorchBackend=cuda to use a GPU",
            Problem("cuda:0", false, () => throw new InvalidOperationException("asked")));

    [Fact]
    public void Without_a_gpu_it_says_that_there_is_only_cpu() =>
        Assert.Contains("device cuda:0 is not there: LibTorch finds no GPU, so there is only cpu;", Problem("cuda:0", true, () => 0));

    [Fact]
    public void A_gpu_beyond_the_last_is_answered_with_those_there_are() =>
        Assert.Equal("device cuda:2 is not there: there are cpu and cuda:0, cuda:1", Problem("cuda:2", true, () => 2));

    [Fact]
    public void A_model_host_is_not_made_for_a_device_that_is_not_there()
    {
        Assert.SkipWhen(TorchRuntime.IsCudaBuild, "this build can use a GPU");
        Assert.Contains("-p:TorchBackend=cuda",
            Assert.Throws<DeviceException>(() => new ModelHost(new ModelHostOptions { Device = "cuda:0" })).Message);
    }

    private static string Problem(string device, bool isCudaBuild, Func<int> count) =>
        Assert.Throws<DeviceException>(() => TorchDevices.Resolve(device, isCudaBuild, count)).Message;
}
