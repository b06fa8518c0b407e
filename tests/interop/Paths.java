// Validates certification paths by PKIX with revocation checking on, CRLs from a collection.
//
// Arguments: a file of lines, each: name TAB root TAB certificates, leaf first, comma-separated
// TAB CRLs, comma-separated. Prints for each: name TAB OK, or TAB the reason and the message.

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

public class Paths {
    private static CertificateFactory factory;

    public static void main(String[] arguments) throws Exception {
        factory = CertificateFactory.getInstance("X.509");
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] told = line.split("\t", -1);
            System.out.println(told[0] + "\t" + validate(told[1], told[2], told[3]));
        }
    }

    private static String validate(String root, String chain, String lists) throws Exception {
        List<Certificate> certificates = new ArrayList<>();
        for (String name : chain.split(",")) {
            certificates.add(certificate(name));
        }
        List<Object> revocation = new ArrayList<>();
        for (String name : lists.isEmpty() ? new String[0] : lists.split(",")) {
            try (InputStream in = Files.newInputStream(Path.of(name))) {
                revocation.add(factory.generateCRL(in));
            }
        }
        PKIXParameters parameters =
            new PKIXParameters(Set.of(new TrustAnchor((X509Certificate) certificate(root), null)));
        parameters.setRevocationEnabled(true);
        parameters.addCertStore(
            CertStore.getInstance("Collection", new CollectionCertStoreParameters(revocation)));
        CertPath path = factory.generateCertPath(certificates);
        try {
            CertPathValidator.getInstance("PKIX").validate(path, parameters);
            return "OK";
        } catch (CertPathValidatorException refused) {
            return refused.getReason() + " at " + refused.getIndex();
        }
    }

    private static Certificate certificate(String name) throws Exception {
        try (InputStream in = Files.newInputStream(Path.of(name))) {
            return factory.generateCertificate(in);
        }
    }
}
