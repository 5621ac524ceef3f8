using System.Net;
using System.Text;

namespace StreamSettlement.UnitTests.Cli;

/// <summary>Whatever answers under an address: each request, as <c>POST /dead-letters/redrive</c>, is kept and answered.</summary>
internal sealed class Answers(Func<string, (HttpStatusCode Status, string Body)> answer) : HttpMessageHandler
{
    public List<string> Asked { get; } = [];

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var asked = $"{request.Method} {request.RequestUri!.PathAndQuery}";
        Asked.Add(asked);
        var (status, body) = answer(asked);
        return Task.FromResult(new HttpResponseMessage(status) { Content = new StringContent(body, Encoding.UTF8, "application/json") });
    }
}
