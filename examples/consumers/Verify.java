import java.io.FileInputStream;
import java.io.InputStream;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertPathValidator;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Set;

/** Verifies a chain: java Verify.java PROVIDER ROOT.pem ISSUING.pem CERTIFICATE.pem (PROVIDER is SUN or BC). */
public class Verify {
    public static void main(String[] arguments) throws Exception {
        String provider = arguments[0];
        if (provider.equals("BC")) {
            Class<?> bouncyCastle = Class.forName("org.bouncycastle.jce.provider.BouncyCastleProvider");
            Security.addProvider((Provider) bouncyCastle.getDeclaredConstructor().newInstance());
        }
        CertificateFactory factory = CertificateFactory.getInstance("X.509", provider);
        X509Certificate[] chain = new X509Certificate[3];
        for (int i = 0; i < 3; i++) {
            try (InputStream file = new FileInputStream(arguments[i + 1])) {
                chain[i] = (X509Certificate) factory.generateCertificate(file);
            }
        }
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(chain[0], null)));
        parameters.setRevocationEnabled(false);  // Give CRLs to a PKIXRevocationChecker instead.
        try {
            CertPathValidator validator = CertPathValidator.getInstance("PKIX", provider);
            validator.validate(factory.generateCertPath(List.of(chain[2], chain[1])), parameters);
            System.out.println("OK");
        } catch (java.security.cert.CertPathValidatorException refusal) {
            System.out.println("refused: " + refusal.getMessage());
            System.exit(1);
        }
    }
}
