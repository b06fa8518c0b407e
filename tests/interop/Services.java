// Calls a service over mutual TLS with java.net.http and prints how it went:
// java Services.java KEYSTORE.p12 PASSPHRASE-FILE CA.pem URL [BODY …]
// Without a body it is a GET. Each body is a POST, one after another.
import java.io.FileInputStream;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import javax.net.ssl.TrustManagerFactory;

public class Services {
    public static void main(String[] arguments) throws Exception {
        char[] passphrase = Files.readString(Path.of(arguments[1])).strip().toCharArray();
        KeyStore own = KeyStore.getInstance("PKCS12");
        try (InputStream file = new FileInputStream(arguments[0])) {
            own.load(file, passphrase);
        }
        KeyManagerFactory keys =
            KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, passphrase);

        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null, null);
        try (InputStream file = new FileInputStream(arguments[2])) {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            trusted.setCertificateEntry("ca", factory.generateCertificate(file));
        }
        TrustManagerFactory trust =
            TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);

        SSLContext context = SSLContext.getInstance("TLS");
        context.init(keys.getKeyManagers(), trust.getTrustManagers(), null);
        HttpClient client = HttpClient.newBuilder().sslContext(context).build();
        HttpRequest.Builder request =
            HttpRequest.newBuilder(URI.create(arguments[3])).timeout(Duration.ofSeconds(30));
        try {
            if (arguments.length == 4) {
                send(client, request.GET().build());
            }
            for (int place = 4; place < arguments.length; place++) {
                request.setHeader("Content-Type", "application/xml;charset=UTF-8");
                request.POST(HttpRequest.BodyPublishers.ofFile(Path.of(arguments[place])));
                send(client, request.build());
            }
        } catch (SSLException error) {
            System.out.println("refused " + error.getMessage());
        }
    }

    static void send(HttpClient client, HttpRequest request) throws Exception {
        HttpResponse<String> response =
            client.send(request, HttpResponse.BodyHandlers.ofString());
        String session = response.sslSession()
            .map(each -> each.getProtocol() + " " + each.getCipherSuite()).orElse("no TLS");
        System.out.println("status " + response.statusCode() + " " + session);
        System.out.println(response.body().replace("\n", ""));
    }
}
