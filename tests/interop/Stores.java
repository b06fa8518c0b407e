// Loads a keystore and a truststore and tells what it finds, one line for each entry:
// java Stores.java KEYSTORE TRUSTSTORE PASSPHRASE
import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.PKIXParameters;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

public class Stores {
    static KeyStore load(String path, char[] passphrase) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (InputStream file = new FileInputStream(path)) {
            store.load(file, passphrase);
        }
        return store;
    }

    static boolean belongTogether(PrivateKey key, PublicKey other) throws Exception {
        String algorithm = key.getAlgorithm().equals("RSA") ? "SHA256withRSA" : "SHA256withECDSA";
        byte[] message = {1, 2, 3};
        Signature signing = Signature.getInstance(algorithm);
        signing.initSign(key);
        signing.update(message);
        Signature verifying = Signature.getInstance(algorithm);
        verifying.initVerify(other);
        verifying.update(message);
        return verifying.verify(signing.sign());
    }

    static String validated(List<Certificate> path, KeyStore trusted) throws Exception {
        PKIXParameters parameters = new PKIXParameters(trusted);
        parameters.setRevocationEnabled(false);
        CertPath made = CertificateFactory.getInstance("X.509").generateCertPath(path);
        try {
            CertPathValidator.getInstance("PKIX").validate(made, parameters);
            return "valid";
        } catch (Exception error) {
            return error.getMessage();
        }
    }

    public static void main(String[] arguments) throws Exception {
        char[] passphrase = arguments[2].toCharArray();
        KeyStore keys = load(arguments[0], passphrase);
        KeyStore trusted = load(arguments[1], passphrase);
        for (String alias : Collections.list(trusted.aliases())) {
            X509Certificate ca = (X509Certificate) trusted.getCertificate(alias);
            System.out.println(
                    "trusted " + alias + " " + ca.getSerialNumber()
                            + " " + trusted.isCertificateEntry(alias));
        }
        for (String alias : Collections.list(keys.aliases())) {
            PrivateKey key = (PrivateKey) keys.getKey(alias, passphrase);
            Certificate[] chain = keys.getCertificateChain(alias);
            X509Certificate leaf = (X509Certificate) chain[0];
            List<Certificate> below = new ArrayList<>(Arrays.asList(chain));
            below.remove(below.size() - 1);
            System.out.println(
                    "key " + alias + " " + leaf.getSerialNumber() + " " + chain.length
                            + " " + belongTogether(key, leaf.getPublicKey())
                            + " " + validated(below, trusted));
        }
    }
}
