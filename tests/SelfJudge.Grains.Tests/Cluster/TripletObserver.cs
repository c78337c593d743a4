using Orleans.Streams;
using Orleans.Streams.Core;
using SelfJudge.Abstractions;
using SelfJudge.Grains.Prompts;
using SelfJudge.Tests.Shared;

namespace SelfJudge.Grains.Tests.Cluster;

public interface ITripletObserver : IGrainWithStringKey;

/// <summary>Reads the triplet stream beside the trainer and writes down what it carries.</summary>
[ImplicitStreamSubscription(TripletStream.Namespace)]
internal sealed class TripletObserver(Recorder<TripletBatch> streamed) : Grain, ITripletObserver, IStreamSubscriptionObserver
{
    public async Task OnSubscribed(IStreamSubscriptionHandleFactory handleFactory) =>
        await handleFactory.Create<TripletBatch>().ResumeAsync((batch, _) =>
    {
        streamed.Add(batch);
        return Task.CompletedTask;
    });
}
